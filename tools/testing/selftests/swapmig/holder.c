// SPDX-License-Identifier: GPL-2.0-only
/*
 * holder MIB: a program for other programs to start and to migrate. It fills
 * memory, says so, and verifies it each time it is sent a line.
 */
#include <stdio.h>
#include <stdlib.h>

#include "util.h"

int main(int argc, char **argv)
{
	size_t len = argc > 1 ? strtoul(argv[1], NULL, 10) * MIB : 0;
	char line[16];
	void *addr;

	addr = len ? sm_map(len) : NULL;
	if (!addr) {
		fprintf(stderr, "usage: holder MIB\n");
		return 1;
	}
	sm_fill(addr, len, 1);
	do {
		printf("%p %ld bad\n", addr, sm_bad(addr, len, 1));
		fflush(stdout);
	} while (fgets(line, sizeof(line), stdin));
	return 0;
}
