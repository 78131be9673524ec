/* Stands in for libFuzzer: runs each file of the command line once. */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
replay(const char *path)
{
	FILE *f = fopen(path, "rb");
	size_t cap = 1 << 20;
	uint8_t *buf = malloc(cap);
	size_t len;

	if (f == NULL || buf == NULL) {
		perror(path);
		return 1;
	}
	len = fread(buf, 1, cap, f);
	fclose(f);
	/* An exact allocation, so that ASan sees a read behind the end. */
	uint8_t *exact = malloc(len > 0 ? len : 1);
	if (exact == NULL)
		return 1;
	for (size_t i = 0; i < len; i++)
		exact[i] = buf[i];
	free(buf);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	return 0;
}

int
main(int argc, char **argv)
{
	int failed = 0;

	for (int i = 1; i < argc; i++)
		failed |= replay(argv[i]);
	return failed;
}
