/* What harnesses do that read a capture as a file. */
#ifndef FUZZ_FILE_OF_H
#define FUZZ_FILE_OF_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "codec/keys.h"
#include "require.h"

/* The path of a file with these bytes; the same file each time.  The codec's
 * keys are ready then. */
static const char *
file_of(const uint8_t *data, size_t size)
{
	static char path[32];
	static int fd = -1;

	if (fd < 0) {
		REQUIRE(rk_keys_init() == RK_OK);
		fd = memfd_create("fuzz", 0);
		REQUIRE(fd >= 0);
		snprintf(path, sizeof(path), "/dev/fd/%d", fd);
	}
	REQUIRE(ftruncate(fd, 0) == 0);
	REQUIRE(pwrite(fd, data, size, 0) == (ssize_t)size);
	return path;
}

#endif
