// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program with memory worth migrating, for "make run".
 *
 * usage: worker MIB [BITS]
 *
 * It fills that much memory with a pattern that depends on the place, of which so many
 * bits of 64 are not zero (all, which no compression makes smaller), says
 * "filled ADDRESS PAGES", and then runs on: it counts its turns and notes the longest of
 * them, without touching that memory, until it is told to:
 *	use PERCENT	reads a word in each page of so much of its memory, in every turn from
 *			now on, says "used PAGES"
 *	turns		says "turns COUNT LONGEST", the longest in ms, since the last time
 *	touch PERCENT	checks and rewrites so much of its memory (once only), says
 *			"touched PAGES"
 *	pin PAGES	puts its first pages into a pipe, as they are, says "pinned PAGES"
 *	verify		says "verified WRONG", the pages that are not as it left them
 *	quit
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define PAGE_SIZE 4096
#define WORDS (PAGE_SIZE / sizeof(uint64_t))

static uint64_t *memory;
static unsigned long pages;
static unsigned int bits = 64;

/* What belongs into a word; generation counts how often it was rewritten. */
static uint64_t pattern(unsigned long word, uint64_t generation)
{
	uint64_t x = (word + 1) * 0x9e3779b97f4a7c15ULL + generation;

	x ^= x >> 29;
	x *= 0xbf58476d1ce4e5b9ULL;
	x ^= x >> 32;
	return x >> (64 - bits);
}

static void fill(unsigned long page, uint64_t generation)
{
	unsigned long word = page * WORDS;

	for (unsigned long i = 0; i < WORDS; i++, word++)
		memory[word] = pattern(word, generation);
}

static int intact(unsigned long page, uint64_t generation)
{
	unsigned long word = page * WORDS;

	for (unsigned long i = 0; i < WORDS; i++, word++)
		if (memory[word] != pattern(word, generation))
			return 0;
	return 1;
}

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

/* What is in a pipe cannot leave its place. */
static unsigned long pin(unsigned long nr_pages)
{
	struct iovec iov = { .iov_base = memory, .iov_len = nr_pages * PAGE_SIZE };
	int ends[2];

	if (pipe(ends) || vmsplice(ends[1], &iov, 1, SPLICE_F_NONBLOCK) < 0)
		return 0;
	return nr_pages;
}

int main(int argc, char **argv)
{
	unsigned long used = 0, touched = 0, wrong = 0, turns = 0;
	struct pollfd input = { .fd = 0, .events = POLLIN };
	double last, pause = 0;
	char line[64];

	pages = argc >= 2 ? strtoul(argv[1], NULL, 10) * (1 << 20) / PAGE_SIZE : 0;
	if (argc == 3)
		bits = strtoul(argv[2], NULL, 10);
	if (!pages || argc > 3 || bits < 1 || bits > 64) {
		fprintf(stderr, "usage: worker MIB [BITS]\n");
		return 1;
	}
	/* A page on each side keeps the kernel from merging it with others. */
	memory = mmap(NULL, (pages + 2) * PAGE_SIZE, PROT_NONE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED ||
	    mprotect(memory + WORDS, pages * PAGE_SIZE, PROT_READ | PROT_WRITE)) {
		perror("worker: memory");
		return 1;
	}
	memory += WORDS;
	for (unsigned long i = 0; i < pages; i++)
		fill(i, 0);

	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0);
	printf("filled %lx %lu\n", (unsigned long)memory, pages);

	for (last = now_ms();; turns++) {
		int ready = poll(&input, 1, 1);
		double now;

		for (unsigned long i = 0; i < used; i++)
			wrong += memory[i * WORDS] != pattern(i * WORDS, i < touched);
		now = now_ms();
		if (now - last > pause)
			pause = now - last;
		last = now;
		if (ready <= 0)
			continue;
		if (!fgets(line, sizeof(line), stdin) || !strcmp(line, "quit\n"))
			return 0;

		if (!strcmp(line, "turns\n")) {
			printf("turns %lu %.0f\n", turns, pause);
			turns = 0;
			pause = 0;
		} else if (!strncmp(line, "use ", 4)) {
			used = pages * strtoul(line + 4, NULL, 10) / 100;
			printf("used %lu\n", used);
		} else if (!strncmp(line, "touch ", 6)) {
			/* What comes back is checked, then changed. */
			touched = pages * strtoul(line + 6, NULL, 10) / 100;
			for (unsigned long i = 0; i < touched; i++) {
				wrong += !intact(i, 0);
				fill(i, 1);
			}
			printf("touched %lu\n", touched);
		} else if (!strncmp(line, "pin ", 4)) {
			printf("pinned %lu\n", pin(strtoul(line + 4, NULL, 10)));
		} else if (!strcmp(line, "verify\n")) {
			for (unsigned long i = 0; i < pages; i++)
				wrong += !intact(i, i < touched);
			printf("verified %lu\n", wrong);
		}
		last = now_ms();
	}
}
