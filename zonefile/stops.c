#include "zonefile/stops.h"

#include <endian.h>
#include <string.h>

#define EACH UINT64_C(0x0101010101010101)

/* The high bit of each octet of v that is 0; no octet's answer reaches into the next. */
static inline uint64_t
zeros(uint64_t v)
{
	return ~(((v & 0x7f * EACH) + 0x7f * EACH) | v) & 0x80 * EACH;
}

static uint64_t
plain(const char *p)
{
	uint64_t all = 0;

	for (unsigned i = 0; i < STOPS; i += 8) {
		uint64_t v, hit;

		memcpy(&v, p + i, 8);
		v = le64toh(v);
		hit = ~(((v & 0x7f * EACH) + (0x7f - ' ') * EACH) | v) & 0x80 * EACH;
		hit |= zeros(v ^ '"' * EACH) | zeros((v | EACH) ^ ')' * EACH) | zeros(v ^ ';' * EACH) | zeros(v ^ '\\' * EACH);
		/* Each high bit to its place in one octet. */
		all |= ((hit >> 7) * UINT64_C(0x0102040810204080) >> 56) << i;
	}
	return all;
}

#ifdef __SSE2__
#include <immintrin.h>

static inline uint64_t
stops16(const char *p)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i hit = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(' ')), v);

	hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8('"')));
	hit = _mm_or_si128(hit, _mm_cmpeq_epi8(_mm_or_si128(v, _mm_set1_epi8(1)), _mm_set1_epi8(')')));
	hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8(';')));
	hit = _mm_or_si128(hit, _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
	return (unsigned)_mm_movemask_epi8(hit);
}

static uint64_t
sse2(const char *p)
{
	return stops16(p) | stops16(p + 16) << 16 | stops16(p + 32) << 32 | stops16(p + 48) << 48;
}

__attribute__((target("avx2"))) static inline uint64_t
stops32(const char *p)
{
	__m256i v = _mm256_loadu_si256((const __m256i *)(const void *)p);
	__m256i hit = _mm256_cmpeq_epi8(_mm256_min_epu8(v, _mm256_set1_epi8(' ')), v);

	hit = _mm256_or_si256(hit, _mm256_cmpeq_epi8(v, _mm256_set1_epi8('"')));
	hit = _mm256_or_si256(hit, _mm256_cmpeq_epi8(_mm256_or_si256(v, _mm256_set1_epi8(1)), _mm256_set1_epi8(')')));
	hit = _mm256_or_si256(hit, _mm256_cmpeq_epi8(v, _mm256_set1_epi8(';')));
	hit = _mm256_or_si256(hit, _mm256_cmpeq_epi8(v, _mm256_set1_epi8('\\')));
	return (uint32_t)_mm256_movemask_epi8(hit);
}

__attribute__((target("avx2"))) static uint64_t
avx2(const char *p)
{
	return stops32(p) | stops32(p + 32) << 32;
}
#endif

#ifdef __aarch64__
#include <arm_neon.h>

/* All ones in each octet that may end a word. */
static inline uint8x16_t
hits(const char *p)
{
	uint8x16_t v = vld1q_u8((const uint8_t *)p);
	uint8x16_t hit = vcleq_u8(v, vdupq_n_u8(' '));

	hit = vorrq_u8(hit, vceqq_u8(v, vdupq_n_u8('"')));
	hit = vorrq_u8(hit, vceqq_u8(vorrq_u8(v, vdupq_n_u8(1)), vdupq_n_u8(')')));
	hit = vorrq_u8(hit, vceqq_u8(v, vdupq_n_u8(';')));
	return vorrq_u8(hit, vceqq_u8(v, vdupq_n_u8('\\')));
}

/* Each octet keeps one bit; sums of pairs, of fours and of eights bring them together. */
static uint64_t
neon(const char *p)
{
	const uint8x16_t bit = vreinterpretq_u8_u64(vdupq_n_u64(UINT64_C(0x8040201008040201)));
	uint8x16_t low = vpaddq_u8(vandq_u8(hits(p), bit), vandq_u8(hits(p + 16), bit));
	uint8x16_t high = vpaddq_u8(vandq_u8(hits(p + 32), bit), vandq_u8(hits(p + 48), bit));

	low = vpaddq_u8(low, high);
	return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(low, low)), 0);
}
#endif

struct stops_way stops_ways[] = {
#ifdef __SSE2__
	{ "avx2", avx2, false },
	{ "sse2", sse2, true },
#endif
#ifdef __aarch64__
	{ "neon", neon, true },
#endif
	{ "plain", plain, true },
};
const unsigned stops_count = sizeof(stops_ways) / sizeof(stops_ways[0]);
stops_fn *stops_find = plain;

__attribute__((constructor)) static void
choose(void)
{
	struct stops_way *way = stops_ways;

#ifdef __SSE2__
	way->usable = __builtin_cpu_supports("avx2");
#endif
	while (!way->usable)
		way++;
	stops_find = way->find;
}
