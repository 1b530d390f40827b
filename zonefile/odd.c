#include "zonefile/odd.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "zonefile/arena.h"
#include "zonefile/name.h"
#include "zonefile/version.h"

bool
odd_name(struct rel owner)
{
	size_t first = owner.len > 0 ? owner.label[0] + 1u : 0;

	return first < owner.len && memchr(owner.label + first, '*', owner.len - first) != NULL;
}

static bool
leads_inside(const struct zone *zone, const struct rrset *set)
{
	const uint8_t *at = set->rdata;
	size_t len;

	for (unsigned i = 0; i < set->count; i++, at += 2 + len) {
		len = (size_t)at[0] << 8 | at[1];
		if (name_inside(at + 2, len, zone->origin, zone->origin_len))
			return true;
	}
	return false;
}

#define BIT(type) (UINT64_C(1) << (type))
#define PLAIN (BIT(T_A) | BIT(T_AAAA) | BIT(T_DS) | BIT(T_RRSIG) | BIT(T_NSEC) | BIT(T_NSEC3))

bool
odd_set(const struct zone *zone, const struct rrset *set)
{
	if (set->size + 10 * (size_t)set->count > CHECK_ROOM)
		return true;
	if (set->type < 64 && PLAIN >> set->type & 1)
		return false;
	return set->type != T_NS || leads_inside(zone, set);
}

struct odd {
	size_t words;
	uint64_t *word;		/* a bit for each node */
};

struct odd *
odd_new(void)
{
	return xcalloc(1, sizeof(struct odd));
}

void
odd_free(struct odd *odd)
{
	if (odd == NULL)
		return;
	free(odd->word);
	free(odd);
}

void
odd_add(struct odd *odd, size_t number)
{
	size_t words = odd->words;

	if (number / 64 >= words) {
		odd->words = number / 64 * 2 + 1;
		odd->word = xrealloc(odd->word, odd->words * sizeof(odd->word[0]));
		memset(odd->word + words, 0, (odd->words - words) * sizeof(odd->word[0]));
	}
	odd->word[number / 64] |= UINT64_C(1) << number % 64;
}

bool
odd_next(const struct odd *odd, size_t *number)
{
	size_t i = *number / 64;
	uint64_t word = i < odd->words ? odd->word[i] & ~UINT64_C(0) << *number % 64 : 0;

	while (word == 0)
		if (++i >= odd->words)
			return false;
		else
			word = odd->word[i];
	*number = i * 64 + (unsigned)__builtin_ctzll(word);
	return true;
}
