// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory of a test: what is in it, and where it is. See pages.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "files.h"
#include "numa.h"
#include "pages.h"

#define BATCH	512

size_t sm_page;

static void __attribute__((constructor)) prepare(void)
{
	sm_page = sysconf(_SC_PAGESIZE);
}

/*
 * move_pages(2) of a 64-bit kernel loses its way in the pointers of a 32-bit
 * program after the first 16.
 */
#define ASK_BATCH	(sizeof(void *) == 4 ? 16 : BATCH)

/* Pages on @node, or on any node when that is -1. */
static long count_pages(pid_t pid, const char *addr, size_t len, int node)
{
	int status[BATCH];
	void *page[BATCH];
	long hits = 0;
	size_t n, i;

	if (pid == getpid())
		pid = 0;
	while (len) {
		n = len / sm_page < ASK_BATCH ? len / sm_page : ASK_BATCH;
		for (i = 0; i < n; i++)
			page[i] = (void *)(addr + i * sm_page);
		if (syscall(SYS_move_pages, pid, n, page, NULL, status, 0))
			return -1;
		for (i = 0; i < n; i++)
			hits += node < 0 ? status[i] >= 0 : status[i] == node;
		addr += n * sm_page;
		len -= n * sm_page;
	}
	return hits;
}

long sm_on_node(pid_t pid, const void *addr, size_t len, int node)
{
	return count_pages(pid, addr, len, node);
}

long sm_present(pid_t pid, const void *addr, size_t len)
{
	return count_pages(pid, addr, len, -1);
}

/*
 * mincore() looks into the page cache and, for a page that has been swapped
 * out, into the swap cache: 0 means that no frame holds this memory.
 */
long sm_in_memory(void *addr, size_t len)
{
	unsigned char core[BATCH];
	char *p = addr;
	long hits = 0;
	size_t n, i;

	while (len) {
		n = len / sm_page < BATCH ? len / sm_page : BATCH;
		if (mincore(p, n * sm_page, core))
			return -1;
		for (i = 0; i < n; i++)
			hits += core[i] & 1;
		p += n * sm_page;
		len -= n * sm_page;
	}
	return hits;
}

#define PAGEMAP_SWAPPED		0x4000000000000000ULL

long sm_swapped(pid_t pid, const void *addr, size_t len)
{
	uintptr_t page = (uintptr_t)addr / sm_page;
	uint64_t entry[BATCH];
	char path[64];
	long hits = 0;
	size_t n, i;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/pagemap", pid ? pid : getpid());
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -1;
	for (len /= sm_page; len; len -= n, page += n) {
		n = len < BATCH ? len : BATCH;
		if (pread(fd, entry, n * 8, (off_t)page * 8) != (ssize_t)(n * 8)) {
			hits = -1;
			break;
		}
		for (i = 0; i < n; i++)
			hits += !!(entry[i] & PAGEMAP_SWAPPED);
	}
	close(fd);
	return hits;
}

long sm_mapped_on_node(pid_t pid, int node)
{
	char path[64], key[16], *line = NULL;
	long pages = 0, nr, kb;
	size_t size = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/numa_maps", pid ? pid : getpid());
	snprintf(key, sizeof(key), " N%d=", node);
	f = fopen(path, "r");
	if (!f)
		return -1;
	while (getline(&line, &size, f) > 0) {
		nr = sm_field(line, key);
		if (nr < 0)
			continue;
		kb = sm_field(line, " kernelpagesize_kB=");
		if (kb < 0)
			kb = 4;
		pages += nr * (kb * 1024 / (long)sm_page);
	}
	free(line);
	fclose(f);
	return pages;
}

long sm_numa_maps(pid_t pid, const void *addr, const char *key)
{
	char path[64], *line = NULL;
	size_t size = 0;
	long nr = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/numa_maps", pid ? pid : getpid());
	f = fopen(path, "r");
	if (!f)
		return -1;
	while (nr < 0 && getline(&line, &size, f) > 0) {
		if (strtoul(line, NULL, 16) != (uintptr_t)addr)
			continue;
		nr = sm_field(line, key);
		if (nr < 0)
			nr = 0;
	}
	free(line);
	fclose(f);
	return nr;
}

long sm_smaps(const void *addr, const char *key)
{
	unsigned long start, end;
	bool inside = false;
	char line[512], *p;
	long kb = -1;
	FILE *f;

	f = fopen("/proc/self/smaps", "r");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		start = strtoul(line, &p, 16);
		if (*p == '-') {
			end = strtoul(p + 1, &p, 16);
			inside = (uintptr_t)addr >= start &&
				 (uintptr_t)addr < end;
		} else if (inside && !strncmp(line, key, strlen(key)) &&
			   line[strlen(key)] == ':') {
			kb = strtol(line + strlen(key) + 1, NULL, 10);
			break;
		}
	}
	fclose(f);
	return kb;
}

long sm_huge(const void *addr)
{
	return sm_smaps(addr, "AnonHugePages") + sm_smaps(addr, "ShmemPmdMapped");
}

const char *sm_lacks_huge_at(const void *addr, size_t len)
{
	return sm_huge(addr) == (long)len / 1024 ? NULL : "no huge pages to be had";
}

int sm_move_pages(void *addr, size_t len, int node)
{
	int nodes[ASK_BATCH], status[ASK_BATCH];
	void *page[ASK_BATCH];
	int ret = 0;
	size_t n, i;

	for (len /= sm_page; len; len -= n) {
		n = len < ASK_BATCH ? len : ASK_BATCH;
		for (i = 0; i < n; i++, addr += sm_page) {
			page[i] = addr;
			nodes[i] = node;
		}
		if (syscall(SYS_move_pages, 0, n, page, nodes, status, MPOL_MF_MOVE))
			ret = -1;
	}
	return ret;
}

bool sm_moves_huge(void *addr, int node, int there)
{
	long huge = sm_huge(addr);
	bool moves = true;

	if (sm_move_pages(addr, sm_page, there) ||
	    sm_on_node(0, addr, sm_page, there) != 1 ||
	    sm_huge(addr) != huge)
		moves = false;
	/* What was split went there in pieces; those of a file are not mapped. */
	sm_touch(addr, SM_HUGE);
	sm_move_pages(addr, SM_HUGE, node);
	return moves;
}

void *sm_map_fd(int fd, size_t len, int prot, int flags)
{
	void *p = mmap(NULL, len, prot, flags, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Nothing can be put back without a record: the program ends where there is none. */
void *sm_share(size_t len)
{
	void *p = sm_map_fd(-1, len, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS);

	if (!p) {
		perror("mmap");
		exit(1);
	}
	return p;
}

void *sm_map(size_t len)
{
	void *p = sm_map_fd(-1, len, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS);

	if (p)
		madvise(p, len, MADV_NOHUGEPAGE);
	return p;
}

void *sm_map_huge(size_t len)
{
	char *p = sm_map_fd(-1, len + SM_HUGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS);
	size_t head;

	if (!p)
		return p;
	head = -(uintptr_t)p & (SM_HUGE - 1);
	if (head)
		munmap(p, head);
	if (SM_HUGE - head)
		munmap(p + head + len, SM_HUGE - head);
	p += head;
	return madvise(p, len, MADV_HUGEPAGE) ? NULL : p;
}

/* The kernel aligns shared memory that may have huge pages. */
void *sm_map_shared(int fd, size_t len, bool huge)
{
	void *p = sm_map_fd(fd, len, PROT_READ | PROT_WRITE,
			    MAP_SHARED | (fd < 0 ? MAP_ANONYMOUS : 0));

	if (p)
		madvise(p, len, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	return p;
}

void sm_touch(const void *addr, size_t len)
{
	const char *p;

	for (p = addr; len; p += sm_page, len -= sm_page)
		asm volatile("" : : "r"(*p));
}

static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

/* Mostly one word per page, so that zram compresses it, but not for nothing. */
void sm_fill_page(void *addr, uint64_t seed, size_t index)
{
	uint64_t word = mix(seed * 1000003 + index);
	uint64_t *to = addr;
	size_t i;

	for (i = 0; i < sm_page / 8; i++)
		to[i] = i % 32 ? word : mix(word + i);
}

void sm_fill(void *addr, size_t len, uint64_t seed)
{
	size_t i;

	for (i = 0; i < len / sm_page; i++)
		sm_fill_page((char *)addr + i * sm_page, seed, i);
}

bool sm_page_is(const void *addr, uint64_t seed, size_t index)
{
	uint64_t want[sm_page / 8];

	sm_fill_page(want, seed, index);
	return !memcmp(addr, want, sm_page);
}

long sm_bad(const void *addr, size_t len, uint64_t seed)
{
	long bad = 0;
	size_t i;

	for (i = 0; i < len / sm_page; i++)
		bad += !sm_page_is((const char *)addr + i * sm_page, seed, i);
	return bad;
}

int sm_fill_file(int fd, size_t len, uint64_t seed)
{
	uint64_t page[sm_page / 8];
	size_t i;

	for (i = 0; i < len / sm_page; i++) {
		sm_fill_page(page, seed, i);
		if (pwrite(fd, page, sm_page, (off_t)i * sm_page) !=
		    (ssize_t)sm_page)
			return -1;
	}
	return 0;
}

/*
 * Reclaim may look away the first time, and it never sees the few pages that each
 * CPU keeps off the LRU; it sends on those of the CPU that it runs on.
 */
int sm_page_out(void *addr, size_t len)
{
	int tries, cpu, ret = 0;

	for (tries = 0; tries < 500; tries++) {
		for (cpu = 0; !ret && !sm_pin(cpu); cpu++)
			ret = madvise(addr, len, MADV_PAGEOUT);
		if (sm_unpin())
			ret = -1;
		if (ret || !sm_present(0, addr, len))
			return ret;
		usleep(20000);
	}
	errno = ETIMEDOUT;
	return -1;
}
