#include "tests/serve/ask.h"
#include "zonefile/count.h"

#define SOA "example. 300 SOA ns.example. admin.example. 7 3600 600 86400 60"
#define SIG(owner, type) owner " RRSIG " type " 8 2 300 20300101000000 20200101000000 1 example. AAAA"
#define SOA_OUT "example. SOA ns.example. admin.example. 7 3600 600 86400 60"

static struct asker asker;

static const char *const plain[] = {
	SOA,
	"example. NS ns.example.",
	"example. NS NS2.example.",
	"example. MX 10 mail.example.",
	"example. MX 20 mx.sub.example.",
	"ns.example. A 192.0.2.1",
	"ns.example. AAAA 2001:db8::1",
	"ns2.example. A 192.0.2.2",
	"mail.example. A 192.0.2.3",
	"www.example. A 192.0.2.4",
	"www.example. A 192.0.2.5",
	"www.example. TXT \"hello\"",
	"a.b.ent.example. A 192.0.2.6",
	"*.wild.example. A 192.0.2.7",
	"*.wild.example. MX 5 mail.example.",
	"x.deep.wild.example. A 192.0.2.8",
	"alias.example. CNAME www.example.",
	"alias2.example. CNAME alias.example.",
	"nowhere.example. CNAME none.example.",
	"outside.example. CNAME www.other.",
	"loop1.example. CNAME loop2.example.",
	"loop2.example. CNAME loop1.example.",
	"self.example. CNAME self.example.",
	"*.wc.example. CNAME www.example.",
	"down.example. CNAME host.sub.example.",
	"sub.example. NS ns.sub.example.",
	"sub.example. NS ns2.example.",
	"ns.sub.example. A 192.0.2.9",
	"ns.sub.example. AAAA 2001:db8::9",
	"mx.sub.example. A 192.0.2.10",
	"sub.example. DS 1 8 2 0000000000000000000000000000000000000000000000000000000000000001",
	"far.example. NS ns.other.",
	"d.example. DNAME www.example.",
	"d.example. TXT \"beside\"",
	"ext.example. DNAME other.",
	"ring.example. DNAME ring.example.",
	"long.example. DNAME aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.",
	"_s._tcp.example. SRV 0 0 5060 www.example.",
	"_s._tcp.example. SRV 0 0 5061 www.example.",
	"null.example. MX 0 .",
	"svc.example. HTTPS 1 . alpn=\"h2\"",
	"svc.example. A 192.0.2.11",
	NULL,
};

#define LONG "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define GLUE "ns.sub.example. A 192.0.2.9; ns.sub.example. AAAA 2001:db8::9; ns2.example. A 192.0.2.2"
#define SUB_NS "sub.example. NS ns.sub.example.; sub.example. NS ns2.example."
#define SUB_DS "sub.example. DS 1 8 2 0000000000000000000000000000000000000000000000000000000000000001"
#define WWW "www.example. A 192.0.2.4; www.example. A 192.0.2.5"

static int
serve_plain(void **state)
{
	(void)state;
	asker_init(&asker);
	serve("example.", zone_of("example.", plain));
	return 0;
}

static void
names_are_found(void **state)
{
	static const struct asked rows[] = {
		{ "www.example. A", "NOERROR aa | " WWW " | |" },
		{ "WwW.eXample. TXT", "NOERROR aa | WwW.eXample. TXT \"hello\" | |" },
		{ "www.example. AAAA", "NOERROR aa | | " SOA_OUT " |" },
		{ "example. SOA", "NOERROR aa | " SOA_OUT " | |" },
		{ "example. NS", "NOERROR aa | example. NS NS2.example.; example. NS ns.example. | | NS2.example. A 192.0.2.2; ns.example. A 192.0.2.1; ns.example. AAAA 2001:db8::1" },
		{ "no.example. A", "NXDOMAIN aa | | " SOA_OUT " |" },
		{ "no.www.example. A", "NXDOMAIN aa | | " SOA_OUT " |" },
		{ "ent.example. A", "NOERROR aa | | " SOA_OUT " |" },
		{ "b.ent.example. A", "NOERROR aa | | " SOA_OUT " |" },
		{ "c.ent.example. A", "NXDOMAIN aa | | " SOA_OUT " |" },
		{ "example. DS", "NOERROR aa | | " SOA_OUT " |" },
		{ "www.example. TYPE4711", "NOERROR aa | | " SOA_OUT " |" },
	};

	(void)state;
	check_all(&asker, rows, COUNT(rows));
}

static void
wildcards_stand_for_names_that_are_not(void **state)
{
	static const struct asked rows[] = {
		{ "x.wild.example. A", "NOERROR aa | x.wild.example. A 192.0.2.7 | |" },
		{ "x.y.wild.example. A", "NOERROR aa | x.y.wild.example. A 192.0.2.7 | |" },
		{ "*.wild.example. A", "NOERROR aa | *.wild.example. A 192.0.2.7 | |" },
		{ "x.wild.example. TXT", "NOERROR aa | | " SOA_OUT " |" },
		{ "wild.example. A", "NOERROR aa | | " SOA_OUT " |" },
		/* An existing name, even an empty one, has no wildcard above it (RFC 4592 2.2.1). */
		{ "deep.wild.example. A", "NOERROR aa | | " SOA_OUT " |" },
		{ "y.deep.wild.example. A", "NXDOMAIN aa | | " SOA_OUT " |" },
		{ "x.*.wild.example. A", "NXDOMAIN aa | | " SOA_OUT " |" },
		{ "x.wc.example. A", "NOERROR aa | " WWW "; x.wc.example. CNAME www.example. | |" },
		{ "x.wc.example. CNAME", "NOERROR aa | x.wc.example. CNAME www.example. | |" },
	};

	(void)state;
	check_all(&asker, rows, COUNT(rows));
}

static void
aliases_are_followed_within_the_zone(void **state)
{
	static const struct asked rows[] = {
		{ "alias.example. A", "NOERROR aa | alias.example. CNAME www.example.; " WWW " | |" },
		{ "alias2.example. A", "NOERROR aa | alias.example. CNAME www.example.; alias2.example. CNAME alias.example.; " WWW " | |" },
		{ "alias2.example. CNAME", "NOERROR aa | alias2.example. CNAME alias.example. | |" },
		{ "alias2.example. ANY", "NOERROR aa | alias2.example. CNAME alias.example. | |" },
		{ "alias.example. AAAA", "NOERROR aa | alias.example. CNAME www.example. | " SOA_OUT " |" },
		{ "nowhere.example. A", "NXDOMAIN aa | nowhere.example. CNAME none.example. | " SOA_OUT " |" },
		{ "outside.example. A", "NOERROR aa | outside.example. CNAME www.other. | |" },
		{ "loop1.example. A", "SERVFAIL aa | loop1.example. CNAME loop2.example.; loop2.example. CNAME loop1.example. | |" },
		{ "self.example. A", "SERVFAIL aa | self.example. CNAME self.example. | |" },
		{ "down.example. A", "NOERROR aa | down.example. CNAME host.sub.example. | " SUB_NS " | " GLUE },
	};

	(void)state;
	check_all(&asker, rows, COUNT(rows));
}

static void
dnames_redirect_what_is_below(void **state)
{
	static const struct asked rows[] = {
		{ "d.example. TXT", "NOERROR aa | d.example. TXT \"beside\" | |" },
		{ "d.example. DNAME", "NOERROR aa | d.example. DNAME www.example. | |" },
		{ "d.example. A", "NOERROR aa | | " SOA_OUT " |" },
		{ "x.d.example. A", "NXDOMAIN aa | d.example. DNAME www.example.; x.d.example. CNAME x.www.example. | " SOA_OUT " |" },
		{ "X.ext.example. A", "NOERROR aa | X.ext.example. CNAME X.other.; ext.example. DNAME other. | |" },
		{ "x.d.example. CNAME", "NOERROR aa | d.example. DNAME www.example.; x.d.example. CNAME x.www.example. | |" },
		{ "a.b.long.example. A", "NXDOMAIN aa | a.b.long.example. CNAME a.b." LONG "." LONG "." LONG ".example.; long.example. DNAME " LONG "." LONG "." LONG ".example. | " SOA_OUT " |" },
		{ LONG ".b.c.d.e.long.example. A", "YXDOMAIN aa | long.example. DNAME " LONG "." LONG "." LONG ".example. | |" },
		{ "x.ring.example. A", "SERVFAIL aa | ring.example. DNAME ring.example.; x.ring.example. CNAME x.ring.example. | |" },
	};

	(void)state;
	check_all(&asker, rows, COUNT(rows));
}

static void
delegations_refer(void **state)
{
	static const struct asked rows[] = {
		{ "sub.example. A", "NOERROR | | " SUB_NS " | " GLUE },
		{ "sub.example. NS", "NOERROR | | " SUB_NS " | " GLUE },
		{ "sub.example. ANY", "NOERROR | | " SUB_NS " | " GLUE },
		{ "x.y.sub.example. A", "NOERROR | | " SUB_NS " | " GLUE },
		{ "ns.sub.example. A", "NOERROR | | " SUB_NS " | " GLUE },
		{ "x.sub.example. DS", "NOERROR | | " SUB_NS " | " GLUE },
		{ "sub.example. DS", "NOERROR aa | " SUB_DS " | |" },
		{ "sub.example. A do", "NOERROR | | " SUB_NS " | " GLUE },
		{ "far.example. A", "NOERROR | | far.example. NS ns.other. |" },
		{ "far.example. DS", "NOERROR aa | | " SOA_OUT " |" },
	};

	(void)state;
	check_all(&asker, rows, COUNT(rows));
}

static void
additional_data_comes_when_wanted(void **state)
{
	static const struct asked rows[] = {
		{ "null.example. MX", "NOERROR aa | null.example. MX 0 . | example. NS NS2.example.; example. NS ns.example. | NS2.example. A 192.0.2.2; ns.example. A 192.0.2.1; ns.example. AAAA 2001:db8::1" },
		/* Glue is not given to mail servers. */
		{ "example. MX", "NOERROR aa | example. MX 10 mail.example.; example. MX 20 mx.sub.example. | example. NS NS2.example.; example. NS ns.example. | NS2.example. A 192.0.2.2; mail.example. A 192.0.2.3; ns.example. A 192.0.2.1; ns.example. AAAA 2001:db8::1" },
		{ "_s._tcp.example. SRV", "NOERROR aa | _s._tcp.example. SRV 0 0 5060 www.example.; _s._tcp.example. SRV 0 0 5061 www.example. | example. NS NS2.example.; example. NS ns.example. | NS2.example. A 192.0.2.2; ns.example. A 192.0.2.1; ns.example. AAAA 2001:db8::1; " WWW },
		/* Addresses that are the answer do not come twice. */
		{ "ns.example. A", "NOERROR aa | ns.example. A 192.0.2.1 | example. NS NS2.example.; example. NS ns.example. | NS2.example. A 192.0.2.2; ns.example. AAAA 2001:db8::1" },
	};

	(void)state;
	asker.server.minimal_responses = false;
	check_all(&asker, rows, COUNT(rows));
	assert_string_equal(ask(&asker, "sub.example. DS"), "NOERROR aa | " SUB_DS " | |");
	asker.server.minimal_responses = true;
}

static void
any_is_one_set_over_udp_and_all_over_tcp(void **state)
{
	static const struct asked udp = { "www.example. ANY", "NOERROR aa | " WWW " | |" };
	static const struct asked tcp = { "www.example. ANY", "NOERROR aa | " WWW "; www.example. TXT \"hello\" | |" };

	(void)state;
	check_all(&asker, &udp, 1);
	asker.tcp = true;
	check_all(&asker, &tcp, 1);
	asker.tcp = false;
}

static void
negative_ttl_is_the_smaller_of_two(void **state)
{
	uint8_t request[512];
	size_t len = request_of("no.example. A", request);
	ldns_pkt *pkt;

	(void)state;
	len = run(&asker, request, len);
	assert_int_equal(ldns_wire2pkt(&pkt, asker.out, len), LDNS_STATUS_OK);
	assert_int_equal(ldns_rr_ttl(ldns_rr_list_rr(ldns_pkt_authority(pkt), 0)), 60);
	ldns_pkt_free(pkt);
}

/* --- NSEC --- */

static const char *const nsec[] = {
	SOA, SIG("example.", "SOA"),
	"example. NS ns.example.", SIG("example.", "NS"),
	"example. NSEC a.ent.example. NS SOA RRSIG NSEC DNSKEY", SIG("example.", "NSEC"),
	"a.ent.example. A 192.0.2.1", SIG("a.ent.example.", "A"),
	"a.ent.example. NSEC ns.example. A RRSIG NSEC", SIG("a.ent.example.", "NSEC"),
	"ns.example. A 192.0.2.2", SIG("ns.example.", "A"),
	"ns.example. NSEC secure.example. A RRSIG NSEC", SIG("ns.example.", "NSEC"),
	"secure.example. NS ns.secure.example.",
	"secure.example. DS 1 8 2 0000000000000000000000000000000000000000000000000000000000000001", SIG("secure.example.", "DS"),
	"secure.example. NSEC unsigned.example. NS DS RRSIG NSEC", SIG("secure.example.", "NSEC"),
	"ns.secure.example. A 192.0.2.3",
	"unsigned.example. NS ns.example.",
	"unsigned.example. NSEC *.w.example. NS RRSIG NSEC", SIG("unsigned.example.", "NSEC"),
	"*.w.example. CNAME ns.example.", SIG("*.w.example.", "CNAME"),
	"*.w.example. NSEC *.x.example. CNAME RRSIG NSEC", SIG("*.w.example.", "NSEC"),
	"*.x.example. TXT \"x\"", SIG("*.x.example.", "TXT"),
	"*.x.example. NSEC example. TXT RRSIG NSEC", SIG("*.x.example.", "NSEC"),
	NULL,
};

#define S(owner, type) owner " RRSIG " type
#define N_APEX "example. NSEC a.ent.example. NS SOA RRSIG NSEC DNSKEY; " S("example.", "NSEC")
#define NSOA S("example.", "SOA") "; " SOA_OUT
#define N_ENT "a.ent.example. NSEC ns.example. A RRSIG NSEC; " S("a.ent.example.", "NSEC")
#define N_NS "ns.example. NSEC secure.example. A RRSIG NSEC; " S("ns.example.", "NSEC")
#define N_SEC "secure.example. NSEC unsigned.example. NS DS RRSIG NSEC; " S("secure.example.", "NSEC")
#define N_UN "unsigned.example. NSEC *.w.example. NS RRSIG NSEC; " S("unsigned.example.", "NSEC")
#define N_W "*.w.example. NSEC *.x.example. CNAME RRSIG NSEC; *.w.example. RRSIG NSEC"
#define N_X "*.x.example. NSEC example. TXT RRSIG NSEC; *.x.example. RRSIG NSEC"
#define APEX_ALL "example. NSEC a.ent.example. NS SOA RRSIG NSEC DNSKEY; example. RRSIG NSEC; " NSOA

static void
nsec_proves(void **state)
{
	static const struct asked rows[] = {
		{ "ns.example. A do", "NOERROR aa | ns.example. A 192.0.2.2; ns.example. RRSIG A | |" },
		{ "ns.example. A", "NOERROR aa | ns.example. A 192.0.2.2 | |" },
		{ "ns.example. RRSIG", "NOERROR aa | ns.example. RRSIG A; ns.example. RRSIG NSEC | |" },
		{ "ns.example. NSEC", "NOERROR aa | ns.example. NSEC secure.example. A RRSIG NSEC | |" },
		{ "ns.example. ANY do", "NOERROR aa | ns.example. A 192.0.2.2; ns.example. RRSIG A | |" },
		{ "ns.example. TXT do", "NOERROR aa | | " NSOA "; " N_NS " |" },
		{ "ent.example. TXT do", "NOERROR aa | | " APEX_ALL " |" },
		/* One record may prove both that the name is not and that no wildcard is. */
		{ "b.example. A do", "NXDOMAIN aa | | " APEX_ALL " |" },
		{ "z.ent.example. A do", "NXDOMAIN aa | | " N_ENT "; " APEX_ALL " |" },
		{ "o.example. A do", "NXDOMAIN aa | | " APEX_ALL "; " N_NS " |" },
		{ "zz.example. A do", "NXDOMAIN aa | | " N_X "; " APEX_ALL " |" },
		{ "q.w.example. A do", "NOERROR aa | ns.example. A 192.0.2.2; ns.example. RRSIG A; q.w.example. CNAME ns.example.; q.w.example. RRSIG CNAME | " N_W " |" },
		{ "q.x.example. A do", "NOERROR aa | | " N_X "; " NSOA " |" },
		{ "q.w.example. TXT do", "NOERROR aa | q.w.example. CNAME ns.example.; q.w.example. RRSIG CNAME | " N_W "; " NSOA "; " N_NS " |" },
		{ "www.secure.example. A do", "NOERROR | | secure.example. DS 1 8 2 0000000000000000000000000000000000000000000000000000000000000001; secure.example. NS ns.secure.example.; secure.example. RRSIG DS | ns.secure.example. A 192.0.2.3" },
		{ "www.unsigned.example. A do", "NOERROR | | unsigned.example. NS ns.example.; " N_UN " | ns.example. A 192.0.2.2; ns.example. RRSIG A" },
		{ "unsigned.example. NSEC", "NOERROR aa | unsigned.example. NSEC *.w.example. NS RRSIG NSEC | |" },
		{ "unsigned.example. DS do", "NOERROR aa | | " NSOA "; " N_UN " |" },
	};

	(void)state;
	check_all(&asker, rows, COUNT(rows));
}

/* --- NSEC3 --- */

static const char *const hashed[] = {
	SOA, SIG("example.", "SOA"),
	"example. NS ns.example.", SIG("example.", "NS"),
	"example. NSEC3PARAM 1 0 2 abcd", SIG("example.", "NSEC3PARAM"),
	"ns.example. A 192.0.2.1", SIG("ns.example.", "A"),
	"a.ent.example. A 192.0.2.2", SIG("a.ent.example.", "A"),
	"secure.example. NS ns.example.",
	"secure.example. DS 1 8 2 0000000000000000000000000000000000000000000000000000000000000001", SIG("secure.example.", "DS"),
	"opt.example. NS ns.example.",
	"opt.out.example. NS ns.example.",
	"*.w.example. A 192.0.2.3", SIG("*.w.example.", "A"),
	NULL,
};

/* Of all names but the insecure delegations and what is above these only: opt-out. */
static const char *const chained[] = {
	"example.", "ns.example.", "a.ent.example.", "ent.example.", "secure.example.", "w.example.", "*.w.example.",
};
static struct link {
	char hash[40];
	const char *name;
} links[COUNT(chained)];

static int
by_hash(const void *a, const void *b)
{
	return strcmp(((const struct link *)a)->hash, ((const struct link *)b)->hash);
}

static void
hash_of(const char *text, char out[40])
{
	uint8_t salt[] = { 0xab, 0xcd };
	ldns_rdf *name = ldns_dname_new_frm_str(text), *hash;
	char *label;

	hash = ldns_nsec3_hash_name(name, 1, 2, sizeof(salt), salt);
	label = ldns_rdf2str(hash);
	snprintf(out, 40, "%.32s", label);
	free(label);
	ldns_rdf_deep_free(name);
	ldns_rdf_deep_free(hash);
}

static int
serve_nsec3(void **state)
{
	const char *lines[COUNT(hashed) + 2 * COUNT(links)];
	char text[2 * COUNT(links)][200];
	size_t n = 0, k = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(links); i++) {
		links[i].name = chained[i];
		hash_of(chained[i], links[i].hash);
	}
	qsort(links, COUNT(links), sizeof(*links), by_hash);
	while (hashed[n] != NULL)
		lines[n] = hashed[n], n++;
	for (size_t i = 0; i < COUNT(links); i++) {
		snprintf(text[k], sizeof(text[k]), "%.32s.example. NSEC3 1 1 2 abcd %.32s A RRSIG",
		    links[i].hash, links[(i + 1) % COUNT(links)].hash);
		lines[n++] = text[k++];
		snprintf(text[k], sizeof(text[k]), "%.32s.example. RRSIG NSEC3 8 2 300 20300101000000 20200101000000 1 example. AAAA",
		    links[i].hash);
		lines[n++] = text[k++];
	}
	lines[n] = NULL;
	slot_publish(slot_exact((const uint8_t *)"\7example"), zone_of("example.", lines));
	return 0;
}

/* The NSEC3 that an answer's authority section must have: of matched names, and those that cover others. */
static void
nsec3_proves(void **state)
{
	static const struct {
		const char *question, *begins;
		const char *match[3], *cover[3];
	} rows[] = {
		{ "ns.example. TXT do", "NOERROR aa | |", { "ns.example." }, { NULL } },
		{ "ent.example. TXT do", "NOERROR aa | |", { "ent.example." }, { NULL } },
		{ "no.example. A do", "NXDOMAIN aa | |", { "example." }, { "no.example.", "*.example." } },
		{ "x.no.ent.example. A do", "NXDOMAIN aa | |", { "ent.example." }, { "no.ent.example.", "*.ent.example." } },
		{ "x.y.w.example. A do", "NOERROR aa | x.y.w.example. A", { NULL }, { "y.w.example." } },
		{ "y.w.example. TXT do", "NOERROR aa | |", { "w.example.", "*.w.example." }, { "y.w.example." } },
		{ "x.secure.example. A do", "NOERROR | | secure.example. DS", { NULL }, { NULL } },
		{ "x.opt.example. A do", "NOERROR | |", { "example." }, { "opt.example." } },
		{ "opt.example. DS do", "NOERROR aa | |", { "example." }, { "opt.example." } },
		{ "opt.out.example. DS do", "NOERROR aa | |", { "example." }, { "out.example." } },
		{ "out.example. A do", "NOERROR aa | |", { "example." }, { "out.example." } },
		{ "no.out.example. A do", "NXDOMAIN aa | |", { "example." }, { "out.example.", "*.example." } },
		{ "no.example. A", "NXDOMAIN aa | |", { NULL }, { NULL } },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *got = ask(&asker, rows[i].question), *at = got;
		bool wanted[COUNT(links)] = { false };
		unsigned want = 0, have = 0;

		if (strncmp(got, rows[i].begins, strlen(rows[i].begins)) != 0)
			fail_msg("%s: %s", rows[i].question, got);
		for (size_t k = 0; k < 3; k++) {
			for (int cover = 0; cover < 2; cover++) {
				char hash[40];
				size_t link = COUNT(links) - 1;
				const char *name = cover ? rows[i].cover[k] : rows[i].match[k];

				if (name == NULL)
					continue;
				hash_of(name, hash);
				for (size_t l = 0; l < COUNT(links); l++)
					if (strcmp(links[l].hash, hash) <= 0)
						link = l;
				assert_int_equal(strcmp(links[link].hash, hash) == 0, !cover);
				wanted[link] = true;
			}
		}
		for (size_t l = 0; l < COUNT(links); l++) {
			char owner[80];

			snprintf(owner, sizeof(owner), " %.32s.example. NSEC3 ", links[l].hash);
			want += wanted[l];
			if (wanted[l] && strstr(got, owner) == NULL)
				fail_msg("%s: no %s (%s) in %s", rows[i].question, owner, links[l].name, got);
		}
		while ((at = strstr(at, " NSEC3 1")) != NULL)
			have++, at++;
		if (have != want)
			fail_msg("%s: %u NSEC3, not %u: %s", rows[i].question, have, want, got);
	}
}

static int
serve_nsec(void **state)
{
	(void)state;
	slot_publish(slot_exact((const uint8_t *)"\7example"), zone_of("example.", nsec));
	return 0;
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_found),
		cmocka_unit_test(wildcards_stand_for_names_that_are_not),
		cmocka_unit_test(aliases_are_followed_within_the_zone),
		cmocka_unit_test(dnames_redirect_what_is_below),
		cmocka_unit_test(delegations_refer),
		cmocka_unit_test(additional_data_comes_when_wanted),
		cmocka_unit_test(any_is_one_set_over_udp_and_all_over_tcp),
		cmocka_unit_test(negative_ttl_is_the_smaller_of_two),
		cmocka_unit_test_setup(nsec_proves, serve_nsec),
		cmocka_unit_test_setup(nsec3_proves, serve_nsec3),
	};

	slot_thread_begin();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, serve_plain, NULL);
}
