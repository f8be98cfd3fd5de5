// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tests of swap migration share. See util.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mempolicy.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest.h"
#include "util.h"

#define NR_SWAPS	2
#define NR_SETTINGS	32
#define BATCH		512
#define PATH_LEN	128
#define MAX_ARGS	15

/*
 * What has been done to the machine. The harness runs each test in a child
 * and may kill it: the record must survive that.
 */
static struct record {
	char swap[NR_SWAPS][PATH_LEN];
	char zram[PATH_LEN];
	struct {
		char path[PATH_LEN];
		char value[PATH_LEN];
	} setting[NR_SETTINGS];
	struct sm_held held;	/* before the first test */
	bool has_stock;
	bool leaked;
} *record;

static pid_t harness;
size_t sm_page;

static void __attribute__((constructor)) prepare(void)
{
	sm_page = sysconf(_SC_PAGESIZE);
	harness = getpid();
	record = mmap(NULL, sizeof(*record), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (record == MAP_FAILED) {
		perror("mmap");
		exit(1);
	}
	/* No group of a test is to be charged for, and live on by, our own text. */
	if (!geteuid() && !mlockall(MCL_CURRENT))
		munlockall();
}

/* A leak fails the program: no test can tell what is left after its end. */
static void __attribute__((destructor)) finish(void)
{
	if (getpid() != harness || !record->has_stock)
		return;
	/* What is said here is about the program, not its last test. */
	fflush(NULL);
	sm_cleanup();
	if (record->leaked) {
		fprintf(stderr, "# the tests have left something behind\n");
		_exit(1);
	}
}

int sm_slow(void)
{
	const char *times = getenv("SWAPMIG_SLOW");

	return times && atoi(times) > 0 ? atoi(times) : 1;
}

/* Small files */

static int read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n < 0)
		return -1;
	buf[n] = 0;
	buf[strcspn(buf, "\n")] = 0;
	return 0;
}

int sm_write_at(int dir, const char *path, const char *value)
{
	int fd = openat(dir, path, O_WRONLY | O_TRUNC);
	ssize_t n;
	int err;

	if (fd < 0)
		return -1;
	n = write(fd, value, strlen(value));
	err = errno;
	close(fd);
	errno = err;
	return n < 0 ? -1 : 0;
}

int sm_write(const char *path, const char *value)
{
	return sm_write_at(AT_FDCWD, path, value);
}

long sm_read_long(const char *path)
{
	char buf[64];

	return read_file(path, buf, sizeof(buf)) ? -1 : strtol(buf, NULL, 0);
}

int sm_set(const char *path, const char *value)
{
	char old[PATH_LEN], *word;
	int i;

	if (read_file(path, old, sizeof(old)))
		return -1;
	/* "always [madvise] never" */
	word = strchr(old, '[');
	if (word) {
		word++;
		word[strcspn(word, "]")] = 0;
	} else {
		word = old;
	}
	for (i = 0; i < NR_SETTINGS; i++) {
		/* What it was before our first change counts. */
		if (!strcmp(record->setting[i].path, path))
			return sm_write(path, value);
		if (!record->setting[i].path[0])
			break;
	}
	if (i == NR_SETTINGS) {
		errno = ENOSPC;
		return -1;
	}
	snprintf(record->setting[i].value, PATH_LEN, "%s", word);
	snprintf(record->setting[i].path, PATH_LEN, "%s", path);
	return sm_write(path, value);
}

static void restore_settings(void)
{
	int i;

	for (i = NR_SETTINGS - 1; i >= 0; i--) {
		char *path = record->setting[i].path;

		if (!path[0])
			continue;
		if (sm_write(path, record->setting[i].value))
			fprintf(stderr, "# cannot restore %s\n", path);
		path[0] = 0;
	}
}

#define KSM	"/sys/kernel/mm/ksm"

const char *sm_lacks_ksm(void)
{
	return sm_lacks_path(KSM);
}

/*
 * Settings are restored in reverse order: run last. What was merged before is still
 * counted until ksmd comes by, unless it is told to unmerge all.
 */
int sm_merge(long pages)
{
	int tries;

	if (sm_set(KSM "/run", "2") || sm_set(KSM "/pages_to_scan", "5000") ||
	    sm_set(KSM "/sleep_millisecs", "10") ||
	    sm_set(KSM "/merge_across_nodes", "1") || sm_write(KSM "/run", "1"))
		return -1;
	for (tries = 0; tries < 3000; tries++) {
		if (sm_read_long(KSM "/pages_sharing") >= pages)
			break;
		usleep(10000);
	}
	if (sm_write(KSM "/run", "0"))
		return -1;
	errno = ETIMEDOUT;
	return sm_read_long(KSM "/pages_sharing") >= pages ? 0 : -1;
}

int sm_choose_path(const char *path)
{
	return sm_set("/sys/kernel/mm/swapmig/path", path);
}

/* The line "<key> <value>" of a file; -1 when there is none. */
static long long keyed(const char *path, const char *key)
{
	size_t len = strlen(key);
	long long value = -1;
	char line[256], *hit;
	FILE *f = fopen(path, "r");

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		hit = strstr(line, key);
		if (!hit || (hit != line && hit[-1] != ' '))
			continue;
		if (hit[len] != ' ' && hit[len] != ':')
			continue;
		value = strtoll(hit + len + 1, NULL, 10);
		break;
	}
	fclose(f);
	return value;
}

long long sm_vmstat(const char *name)
{
	return keyed("/proc/vmstat", name);
}

long sm_meminfo(int node, const char *key)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path),
		 "/sys/devices/system/node/node%d/meminfo", node);
	return keyed(path, key);
}

/* What the machine has */

unsigned long sm_all_nodes(void)
{
	unsigned long mask = 0, a, b;
	char buf[256], *p = buf;

	if (read_file("/sys/devices/system/node/has_memory", buf, sizeof(buf)))
		return 0;
	while (*p) {
		a = strtoul(p, &p, 10);
		b = *p == '-' ? strtoul(p + 1, &p, 10) : a;
		for (; a <= b && a < 8 * sizeof(mask); a++)
			mask |= 1UL << a;
		if (*p != ',')
			break;
		p++;
	}
	return mask;
}

int sm_node(int i)
{
	unsigned long mask = sm_all_nodes();

	while (mask && i--)
		mask &= mask - 1;
	return mask ? __builtin_ctzl(mask) : -1;
}

const char *sm_lacks_root(void)
{
	return geteuid() ? "must be root" : NULL;
}

const char *sm_lacks_nodes(int nr)
{
	static char why[64];

	if (__builtin_popcountl(sm_all_nodes()) >= nr)
		return NULL;
	snprintf(why, sizeof(why), "fewer than %d nodes with memory", nr);
	return why;
}

const char *sm_lacks_swapmig(void)
{
	return sm_vmstat("swapmig_evicted") < 0 ?
	       "kernel without CONFIG_SWAPMIG" : NULL;
}

const char *sm_lacks_basics(int nr)
{
	const char *why = sm_lacks_root();

	if (!why)
		why = sm_lacks_nodes(nr);
	return why ? why : sm_lacks_swapmig();
}

const char *sm_lacks_path(const char *path)
{
	static char why[PATH_LEN + 16];

	if (!access(path, F_OK))
		return NULL;
	snprintf(why, sizeof(why), "no %s", path);
	return why;
}

/* System calls */

long sm_migrate_raw(pid_t pid, unsigned long maxnode, const void *from,
		    const void *to)
{
	return syscall(SYS_migrate_pages, pid, maxnode, from, to);
}

/* The kernel looks at one bit less than it is told. */
#define MAXNODE		(8 * sizeof(unsigned long) + 1)

long sm_migrate(pid_t pid, unsigned long from, unsigned long to)
{
	return sm_migrate_raw(pid, MAXNODE, &from, &to);
}

int sm_set_policy(int mode, unsigned long nodes)
{
	return syscall(SYS_set_mempolicy, mode, nodes ? &nodes : NULL,
		       nodes ? MAXNODE : 0);
}

int sm_bind(int node)
{
	return sm_set_policy(MPOL_BIND, sm_bit(node));
}

int sm_unbind(void)
{
	return sm_set_policy(MPOL_DEFAULT, 0);
}

int sm_mbind(void *addr, size_t len, int mode, unsigned long nodes)
{
	return syscall(SYS_mbind, addr, len, mode,
		       nodes ? &nodes : NULL, nodes ? MAXNODE : 0, 0);
}

/* Of the mapping at @addr, or of the task when that is NULL. */
int sm_policy(void *addr, int *mode, unsigned long *nodes)
{
	/* Room for as many nodes as a kernel may have. */
	unsigned long mask[1024 / (8 * sizeof(unsigned long))] = { 0 };
	int ret;

	ret = syscall(SYS_get_mempolicy, mode, mask, 8 * sizeof(mask), addr,
		      addr ? MPOL_F_ADDR : 0);
	*nodes = mask[0];
	return ret;
}

/* Where pages are */

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
	char path[64], key[16], *line = NULL, *p;
	long pages = 0, nr, kb;
	size_t size = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/numa_maps", pid ? pid : getpid());
	snprintf(key, sizeof(key), " N%d=", node);
	f = fopen(path, "r");
	if (!f)
		return -1;
	while (getline(&line, &size, f) > 0) {
		p = strstr(line, key);
		if (!p)
			continue;
		nr = strtol(p + strlen(key), NULL, 10);
		p = strstr(line, " kernelpagesize_kB=");
		kb = p ? strtol(strchr(p, '=') + 1, NULL, 10) : 4;
		pages += nr * (kb * 1024 / (long)sm_page);
	}
	free(line);
	fclose(f);
	return pages;
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

bool sm_moves_huge(void *addr, int node, int there)
{
	long huge = sm_smaps(addr, "AnonHugePages");
	bool moves = true;
	int status;

	if (syscall(SYS_move_pages, 0, 1UL, &addr, &there, &status,
		    MPOL_MF_MOVE) ||
	    sm_on_node(0, addr, sm_page, there) != 1 ||
	    sm_smaps(addr, "AnonHugePages") != huge)
		moves = false;
	/* What was split went there in pieces. */
	for (size_t i = 0; i < SM_HUGE; i += sm_page, addr += sm_page)
		syscall(SYS_move_pages, 0, 1UL, &addr, &node, &status,
			MPOL_MF_MOVE);
	return moves;
}

/* Contents */

void *sm_map_fd(int fd, size_t len, int prot, int flags)
{
	void *p = mmap(NULL, len, prot, flags, fd, 0);

	return p == MAP_FAILED ? NULL : p;
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

/* Files */

/* A mount that is attached nowhere needs no clean-up. */
int sm_mount_fd(const char *fs, const char *flag)
{
	int ctx, fd = -1, err;

	ctx = syscall(SYS_fsopen, fs, 0);
	if (ctx < 0)
		return -1;
	if (!flag || !syscall(SYS_fsconfig, ctx, FSCONFIG_SET_FLAG, flag,
			      NULL, 0)) {
		if (!syscall(SYS_fsconfig, ctx, FSCONFIG_CMD_CREATE, NULL,
			     NULL, 0))
			fd = syscall(SYS_fsmount, ctx, FSMOUNT_CLOEXEC, 0);
	}
	err = errno;
	close(ctx);
	errno = err;
	return fd;
}

int sm_tmpfs(void)
{
	return sm_mount_fd("tmpfs", NULL);
}

const char *sm_lacks_ext4(void)
{
	const char *dir = getenv("SWAPMIG_EXT4");

	if (!dir || !*dir)
		return "SWAPMIG_EXT4 names no directory";
	return access(dir, W_OK) ? "cannot write to SWAPMIG_EXT4" : NULL;
}

int sm_ext4_file(void)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/swapmig.XXXXXX",
		 getenv("SWAPMIG_EXT4"));
	fd = mkstemp(path);
	if (fd >= 0)
		unlink(path);
	return fd;
}

int sm_reopen(int fd, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags);
}

/* Swap */

/* A swap device that is none of ours. */
static bool foreign_swap(void)
{
	char line[512];
	bool found = false;
	int i;
	FILE *f;

	f = fopen("/proc/swaps", "r");
	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f)) {
		if (line[0] != '/')
			continue;
		line[strcspn(line, " \t")] = 0;
		found = true;
		for (i = 0; i < NR_SWAPS; i++)
			if (!strcmp(record->swap[i], line))
				found = false;
	}
	fclose(f);
	return found;
}

const char *sm_lacks_no_swap(void)
{
	return foreign_swap() ? "the machine's own swap is on" : NULL;
}

const char *sm_lacks_swap(enum sm_dev dev)
{
	const char *disk = getenv("SWAPMIG_DISK");

	/* Which device the kernel takes could not be told. */
	if (foreign_swap())
		return sm_lacks_no_swap();
	if (access("/proc/swaps", F_OK))
		return "kernel without CONFIG_SWAP";
	if (dev == SM_DISK) {
		if (!disk || !*disk)
			return "SWAPMIG_DISK names no device";
		return sm_lacks_path(disk);
	}
	return sm_lacks_path("/sys/class/zram-control");
}

/* A zram device that nobody uses: a new one, whatever exists already. */
static int zram_get(char *dev, size_t bytes)
{
	char path[PATH_LEN], size[32];
	long id = sm_read_long("/sys/class/zram-control/hot_add");

	if (id < 0)
		return -1;
	snprintf(record->zram, PATH_LEN, "%ld", id);
	snprintf(dev, PATH_LEN, "/dev/zram%ld", id);
	snprintf(path, sizeof(path), "/sys/block/zram%ld/disksize", id);
	snprintf(size, sizeof(size), "%zu", bytes);
	return sm_write(path, size);
}

static int zram_put(void)
{
	if (!record->zram[0])
		return 0;
	if (sm_write("/sys/class/zram-control/hot_remove", record->zram))
		return -1;
	record->zram[0] = 0;
	return 0;
}

static int make_swap(const char *dev, size_t bytes)
{
	char page[sm_page];
	struct {
		uint32_t version;
		uint32_t last_page;
		uint32_t nr_badpages;
	} header = {
		.version = 1,
		.last_page = bytes / sm_page,
	};
	int fd, ret = -1;

	memset(page, 0, sm_page);
	memcpy(page + 1024, &header, sizeof(header));
	memcpy(page + sm_page - 10, "SWAPSPACE2", 10);
	fd = open(dev, O_RDWR);
	if (fd < 0)
		return -1;
	if (pwrite(fd, page, sm_page, 0) == (ssize_t)sm_page && !fsync(fd))
		ret = 0;
	close(fd);
	return ret;
}

/* Swap for exactly @bytes. */
int sm_swap_on(enum sm_dev dev, size_t bytes)
{
	char path[PATH_LEN];
	int i;

	for (i = 0; i < NR_SWAPS; i++)
		if (!record->swap[i][0])
			break;
	if (i == NR_SWAPS) {
		errno = ENOSPC;
		return -1;
	}
	if (dev == SM_DISK)
		snprintf(path, sizeof(path), "%s", getenv("SWAPMIG_DISK"));
	else if (zram_get(path, bytes + sm_page))
		return -1;
	if (make_swap(path, bytes))
		return -1;
	snprintf(record->swap[i], PATH_LEN, "%s", path);
	if (!swapon(path, 0))
		return 0;
	record->swap[i][0] = 0;
	return -1;
}

int sm_few_pages_on_cpus(void)
{
	return sm_set("/proc/sys/vm/percpu_pagelist_high_fraction", "1000000");
}

int sm_run_on_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

/* The same devices, with all that is in them brought back in between. */
int sm_swap_off_and_on(void)
{
	int i;

	for (i = 0; i < NR_SWAPS; i++)
		if (record->swap[i][0] && (swapoff(record->swap[i]) ||
					   swapon(record->swap[i], 0)))
			return -1;
	return 0;
}

int sm_swap_off(void)
{
	int i, ret = 0;

	for (i = 0; i < NR_SWAPS; i++) {
		if (!record->swap[i][0])
			continue;
		if (swapoff(record->swap[i]) && errno != EINVAL) {
			fprintf(stderr, "# swapoff %s: %s\n", record->swap[i],
				strerror(errno));
			ret = -1;
			continue;
		}
		record->swap[i][0] = 0;
	}
	return ret ? ret : zram_put();
}

void sm_cleanup(void)
{
	static bool again;

	restore_settings();
	sm_swap_off();
	if (again || geteuid())
		return;
	again = true;
	if (record->has_stock)
		record->leaked |= sm_leaked(&record->held);
	else
		sm_take_stock(&record->held);
	record->has_stock = true;
}

#define KHUGEPAGED	"/sys/kernel/mm/transparent_hugepage/khugepaged"

int sm_keep_still(void)
{
	static const char * const still[][2] = {
		{ KHUGEPAGED "/scan_sleep_millisecs", "4294967295" },
		/* Its first scan does not wait. */
		{ KHUGEPAGED "/max_ptes_none", "0" },
		{ "/proc/sys/vm/compaction_proactiveness", "0" },
		{ "/proc/sys/vm/page-cluster", "0" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(still); i++)
		if (!access(still[i][0], F_OK) &&
		    sm_set(still[i][0], still[i][1]))
			return -1;
	return 0;
}

/* Processes */

pid_t sm_fork(void)
{
	pid_t parent = getpid(), pid;

	fflush(NULL);
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
	}
	return pid;
}

int sm_reap(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid ? status : -1;
}

char sm_state(pid_t pid)
{
	char path[32], state = 'X';
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (!f)
		return state;
	if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
		state = 'X';
	fclose(f);
	return state;
}

void sm_kill(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	sm_reap(pid);
}

int sm_become(uid_t uid)
{
	if (syscall(SYS_setgroups, 0, NULL) || setresgid(uid, uid, uid) ||
	    setresuid(uid, uid, uid))
		return -1;
	return prctl(PR_SET_DUMPABLE, 1);
}

int sm_peer_start(struct sm_peer *peer, long (*serve)(int what, void *arg),
		  void *arg)
{
	int ask[2], answer[2], what;
	long ret;

	if (pipe(ask) || pipe(answer))
		return -1;
	signal(SIGPIPE, SIG_IGN);
	peer->pid = sm_fork();
	if (peer->pid < 0)
		return -1;
	if (!peer->pid) {
		close(ask[1]);
		close(answer[0]);
		while (read(ask[0], &what, sizeof(what)) == sizeof(what)) {
			ret = serve(what, arg);
			if (write(answer[1], &ret, sizeof(ret)) != sizeof(ret))
				break;
		}
		_exit(0);
	}
	close(ask[0]);
	close(answer[1]);
	peer->ask = ask[1];
	peer->answer = answer[0];
	return 0;
}

long sm_peer_ask(struct sm_peer *peer, int what)
{
	long ret;

	if (write(peer->ask, &what, sizeof(what)) != sizeof(what) ||
	    read(peer->answer, &ret, sizeof(ret)) != sizeof(ret)) {
		errno = ESRCH;
		return -1;
	}
	return ret;
}

void sm_peer_end(struct sm_peer *peer)
{
	if (peer->pid <= 0)
		return;
	sm_kill(peer->pid);
	close(peer->ask);
	close(peer->answer);
	peer->pid = 0;
}

long sm_serve_buffer(int what, void *arg)
{
	struct sm_buffer *buf = arg;

	switch (what) {
	case SM_PEER_FILL:
		if (sm_bind(buf->node))
			return -1;
		sm_fill(buf->addr, buf->len, buf->seed);
		return sm_unbind();
	case SM_PEER_BAD:
		return sm_bad(buf->addr, buf->len, buf->seed);
	case SM_PEER_TOUCH:
		sm_touch(buf->addr, buf->len);
		return 0;
	}
	return -1;
}

/* Programs */

const char *sm_lacks_program(const char *name)
{
	static char why[PATH_LEN];
	char path[PATH_MAX], *all, *dir, *rest;

	all = strdup(getenv("PATH") ? getenv("PATH") : "/bin:/usr/bin");
	for (dir = strtok_r(all, ":", &rest); dir;
	     dir = strtok_r(NULL, ":", &rest)) {
		snprintf(path, sizeof(path), "%s/%s", dir, name);
		if (!access(path, X_OK))
			break;
	}
	free(all);
	if (dir)
		return NULL;
	snprintf(why, sizeof(why), "no program %s", name);
	return why;
}

int sm_run(char *out, size_t size, const char *program, ...)
{
	char *argv[MAX_ARGS + 1] = { (char *)program };
	int nr = 1;
	va_list args;
	size_t have = 0;
	char rest[256];
	ssize_t n;
	pid_t pid;
	int fd[2];

	va_start(args, program);
	while (nr < MAX_ARGS) {
		argv[nr] = va_arg(args, char *);
		if (!argv[nr++])
			break;
	}
	va_end(args);

	if (pipe(fd))
		return -1;
	pid = sm_fork();
	if (pid < 0)
		return -1;
	if (!pid) {
		dup2(fd[1], STDOUT_FILENO);
		dup2(fd[1], STDERR_FILENO);
		close(fd[0]);
		close(fd[1]);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(fd[1]);
	for (;;) {
		if (out && have + 1 < size)
			n = read(fd[0], out + have, size - 1 - have);
		else
			n = read(fd[0], rest, sizeof(rest));
		if (n <= 0)
			break;
		if (out && have + 1 < size)
			have += n;
	}
	if (out)
		out[have] = 0;
	close(fd[0]);
	return sm_reap(pid);
}

/* Paths, CPUs, nodes and groups */

int sm_prefer(const char *path)
{
	return sm_set(SM_PATH, path);
}

static int first_cpu(int node)
{
	char path[PATH_LEN], list[256];

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/cpulist",
		 node);
	if (read_file(path, list, sizeof(list)) || !list[0])
		return -1;
	return strtol(list, NULL, 10);
}

const char *sm_lacks_cpu(int node)
{
	static char why[64];

	if (first_cpu(node) >= 0)
		return NULL;
	snprintf(why, sizeof(why), "no CPU on node %d", node);
	return why;
}

int sm_run_on(int node)
{
	int cpu = first_cpu(node);
	cpu_set_t set;

	if (cpu < 0) {
		errno = ENODEV;
		return -1;
	}
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

/*
 * Reclaim may look away the first time, and it never sees the few pages that each
 * CPU keeps off the LRU; it sends on those of the CPU that it runs on.
 */
int sm_page_out(void *addr, size_t len)
{
	cpu_set_t cpus;
	int tries, cpu, ret = 0;

	if (sched_getaffinity(0, sizeof(cpus), &cpus))
		return -1;
	for (tries = 0; tries < 500; tries++) {
		for (cpu = 0; !ret && !sm_run_on_cpu(cpu); cpu++)
			ret = madvise(addr, len, MADV_PAGEOUT);
		if (sched_setaffinity(0, sizeof(cpus), &cpus))
			ret = -1;
		if (ret || !sm_present(0, addr, len))
			return ret;
		usleep(20000);
	}
	errno = ETIMEDOUT;
	return -1;
}

/*
 * A controller goes from one hierarchy to the other, and not before the last
 * user of the old one is quite gone.
 */
int sm_cgroup(const char *controller, int *version)
{
	char enable[32];
	int fd, tries;

	snprintf(enable, sizeof(enable), "+%s", controller);
	for (tries = 0; tries < 100; tries++) {
		*version = 2;
		fd = sm_mount_fd("cgroup2", NULL);
		if (fd >= 0) {
			if (!sm_write_at(fd, "cgroup.subtree_control", enable))
				return fd;
			close(fd);
		}
		*version = 1;
		fd = sm_mount_fd("cgroup", controller);
		if (fd >= 0)
			return fd;
		usleep(50000);
	}
	return -1;
}

int sm_cgroup_attach(int root, const char *group, pid_t pid)
{
	char path[PATH_LEN], number[16];

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	snprintf(number, sizeof(number), "%d", pid);
	return sm_write_at(root, path, number);
}

/* Take small pieces of @node until it gives no more: one miss may be bad luck. */
static int take_pieces(int node)
{
	const size_t len = 256 * 1024;
	int misses = 0;
	char *p;

	while (misses < 8) {
		p = sm_map(len);
		if (!p || mlock(p, len))
			return -1;
		if (sm_on_node(0, p, len, node) == sm_pages(len))
			misses = 0;
		else
			misses++;
	}
	return 0;
}

/*
 * Prefer the node, and stop when memory comes from elsewhere: to insist on it
 * would end in an out-of-memory kill. Each CPU has free pages of its own.
 */
static int take_all(int node)
{
	int cpu;

	if (sm_set_policy(MPOL_PREFERRED, sm_bit(node)))
		return -1;
	for (cpu = 0; !sm_run_on_cpu(cpu); cpu++)
		if (take_pieces(node))
			return -1;
	return 0;
}

/* The pool of huge pages takes most, and what CPUs have set aside, at once. */
static int take_huge_pages(int node)
{
	char path[128];

	snprintf(path, sizeof(path), SM_HUGETLB, node, "nr_hugepages");
	return access(path, W_OK) ? 0 : sm_set(path, "1000000");
}

pid_t sm_fill_node(int node)
{
	int done[2], ret = -1;
	pid_t pid;

	/*
	 * What the system keeps for itself would not be taken, nor what it frees
	 * only after it has been asked for more.
	 */
	if (sm_write("/proc/sys/vm/drop_caches", "3") ||
	    sm_set("/proc/sys/vm/min_free_kbytes", "4096") ||
	    sm_set("/proc/sys/vm/watermark_scale_factor", "1") ||
	    sm_few_pages_on_cpus() || take_huge_pages(node) || pipe(done))
		return -1;
	pid = sm_fork();
	if (!pid) {
		ret = take_all(node);
		if (write(done[1], &ret, sizeof(ret)) == sizeof(ret))
			pause();
		_exit(1);
	}
	close(done[1]);
	if (pid > 0 &&
	    (read(done[0], &ret, sizeof(ret)) != sizeof(ret) || ret)) {
		sm_kill(pid);
		pid = -1;
	}
	close(done[0]);
	return pid;
}
