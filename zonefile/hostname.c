#include "zonefile/hostname.h"

#include "zonefile/name.h"
#include "zonefile/nsec3hash.h"
#include "zonefile/rrtype.h"

#define T_RT 21

/* Letters and digits 1, a hyphen 2. */
static const uint8_t host[256] = {
	['-'] = 2,
	['0'] = 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	['A'] = 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
	['a'] = 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
};

bool
name_is_host(const uint8_t *name)
{
	for (unsigned len; (len = *name) > 0; name += len + 1) {
		if (host[name[1]] != 1 || host[name[len]] != 1)
			return false;
		for (unsigned i = 2; i < len; i++)
			if (host[name[i]] == 0)
				return false;
	}
	return true;
}

bool
name_is_mailbox(const uint8_t *name)
{
	if (*name == 0)
		return true;
	for (unsigned i = 1; i <= *name; i++)
		if (name[i] <= ' ' || name[i] >= 127)
			return false;
	return name_is_host(name + 1 + *name);
}

/* gc._msdcs.FOREST, which Active Directory has addresses at. */
static bool
global_catalog(const uint8_t *name)
{
	static const uint8_t prefix[] = "\2gc\6_msdcs";

	for (unsigned i = 0; i < sizeof(prefix) - 1; i++)
		if (name_tolower[name[i]] != prefix[i])
			return false;
	return true;
}

bool
owner_is_good(uint16_t type, const uint8_t *owner)
{
	uint8_t hash[DLABEL_MAX];

	if (type == T_NSEC3)
		return base32hex_decode(hash, (const char *)owner + 1, owner[0]) > 0;
	if (type != T_A && type != T_AAAA && type != T_MX)
		return true;
	if (owner[0] == 1 && owner[1] == '*')
		owner += 2;
	return name_is_host(owner) || (type != T_MX && global_catalog(owner));
}

/* In the tree of names for addresses PTR names hosts. */
static bool
is_reverse(const uint8_t *owner)
{
	return name_under(owner, (const uint8_t *)"\7in-addr\4arpa") ||
	    name_under(owner, (const uint8_t *)"\3ip6\4arpa") || name_under(owner, (const uint8_t *)"\3ip6\3int");
}

bool
rdata_names_hosts(uint16_t type)
{
	switch (type) {
	case T_NS: case T_PTR: case T_MX: case T_AFSDB: case T_RT: case T_SVCB: case T_HTTPS: case T_SRV: case T_SOA:
	case T_RP:
		return true;
	default:
		return false;
	}
}

const uint8_t *
rdata_bad_name(uint16_t type, const uint8_t *owner, const uint8_t *rdata)
{
	const uint8_t *name = rdata;

	switch (type) {
	case T_NS:
		break;
	case T_PTR:
		if (!is_reverse(owner))
			return NULL;
		break;
	case T_MX:
	case T_AFSDB:
	case T_RT:
		name += 2;
		break;
	case T_SVCB:
	case T_HTTPS:
		if (rdata[0] == 0 && rdata[1] == 0)
			return NULL;
		name += 2;
		break;
	case T_SRV:
		name += 6;
		break;
	case T_SOA:
		if (!name_is_host(name))
			return name;
		name += name_len(name);
		return name_is_mailbox(name) ? NULL : name;
	case T_RP:
		return name_is_mailbox(name) ? NULL : name;
	default:
		return NULL;
	}
	return name_is_host(name) ? NULL : name;
}
