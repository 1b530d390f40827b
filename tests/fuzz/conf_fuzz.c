/* A configuration: what is good prints as text that is good and prints the same. */
#include "daemon/config/conf.h"
#include "tests/fuzz/fuzz.h"

static char *
print(const struct conf *conf)
{
	size_t size;
	char *text;
	FILE *out = open_memstream(&text, &size);

	conf_print(out, conf, false);
	MUST(fclose(out) == 0);
	return text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *octets, size_t size)
{
	static struct fuzz_file file = { .fd = -1 };
	struct sink sink = { .fn = NULL };
	struct conf *conf, *again;
	char *text, *same;

	if (file.fd < 0)
		fuzz_file(&file);
	fuzz_fill(&file, octets, size);
	if ((conf = conf_read(file.path, &sink)) == NULL) {
		MUST(sink.errors > 0);
		return 0;
	}
	text = print(conf);
	fuzz_fill(&file, text, strlen(text));
	MUST((again = conf_read(file.path, &sink)) != NULL);
	same = print(again);
	MUST(strcmp(text, same) == 0);
	free(same);
	free(text);
	conf_free(again);
	conf_free(conf);
	return 0;
}
