/* tandem-checkconf - is a configuration good? */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/config/trial.h"

static const char usage[] =
    "usage: tandem-checkconf [-p [-x]] [-z] [file]\n"
    "\n"
    "  -p     print the effective configuration\n"
    "  -x     hide secrets in it\n"
    "  -z     load the zones as well\n"
    "  file   the configuration (" TANDEM_CONF ")\n"
    "\n"
    "Ends with 0 when all is well, 1 when it is not, 2 on wrong usage.\n";

int
main(int argc, char **argv)
{
	static const struct option longs[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
	struct sink sink = { .fn = report_to_file, .ctx = stderr };
	bool print = false, hide = false, zones = false;
	struct conf *conf;
	int c;

	while ((c = getopt_long(argc, argv, "hpxz", longs, NULL)) != -1)
		switch (c) {
		case 'p':
			print = true;
			break;
		case 'x':
			hide = true;
			break;
		case 'z':
			zones = true;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	if (argc - optind > 1 || (hide && !print)) {
		fputs(usage, stderr);
		return 2;
	}
	if ((conf = conf_read(optind < argc ? argv[optind] : TANDEM_CONF, &sink)) == NULL)
		return 1;
	trial_secrets(conf, &sink);
	if (print)
		conf_print(stdout, conf, hide);
	if (zones)
		trial_zones(conf, &sink);
	conf_free(conf);
	return sink.errors > 0 || fflush(stdout) == EOF;
}
