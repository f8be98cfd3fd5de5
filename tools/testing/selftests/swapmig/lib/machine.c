// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the machine has, and what a test does to it as a whole. See machine.h.
 */
#include <errno.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../kselftest.h"
#include "cgroups.h"
#include "files.h"
#include "leaks.h"
#include "machine.h"
#include "numa.h"
#include "pages.h"
#include "processes.h"
#include "settings.h"
#include "swap.h"

/* Of all tests of a program, each of which runs in a child of its own. */
static struct record {
	struct sm_held held;	/* before the first test */
	bool has_stock;
	bool leaked;
} *record;

static pid_t harness;

static void __attribute__((constructor)) prepare(void)
{
	harness = getpid();
	record = sm_share(sizeof(*record));
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

const char *sm_lacks_root(void)
{
	return geteuid() ? "must be root" : NULL;
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

int sm_prefer(const char *path)
{
	return sm_set(SM_PATH, path);
}

const char *sm_lacks_ksm(void)
{
	return sm_lacks_path(SM_KSM);
}

/*
 * Settings are restored in reverse order: run last. What was merged before is still
 * counted until ksmd comes by, unless it is told to unmerge all.
 */
int sm_merge(long pages)
{
	int tries;

	if (sm_set(SM_KSM "/run", "2") || sm_set(SM_KSM "/pages_to_scan", "5000") ||
	    sm_set(SM_KSM "/sleep_millisecs", "10") ||
	    sm_set(SM_KSM "/merge_across_nodes", "1") || sm_write(SM_KSM "/run", "1"))
		return -1;
	for (tries = 0; tries < 3000; tries++) {
		if (sm_read_long(SM_KSM "/pages_sharing") >= pages)
			break;
		usleep(10000);
	}
	if (sm_write(SM_KSM "/run", "0"))
		return -1;
	errno = ETIMEDOUT;
	return sm_read_long(SM_KSM "/pages_sharing") >= pages ? 0 : -1;
}

int sm_few_pages_on_cpus(void)
{
	return sm_set("/proc/sys/vm/percpu_pagelist_high_fraction", "1000000");
}

void sm_cleanup(void)
{
	static bool again;

	sm_restore_settings();
	sm_lift_limit();
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

/* The pool of huge pages takes most, and what CPUs have set aside, at once. */
static int take_huge_pages(int node)
{
	char path[128];

	snprintf(path, sizeof(path), SM_HUGETLB, node, "nr_hugepages");
	return access(path, W_OK) ? 0 : sm_set(path, "1000000");
}

/*
 * A CPU gives back what it has set aside above its limit when it frees more.
 * Nobody can take these pages, which count as neither free nor used, until
 * reclaim collects them, and it would do so for the test.
 */
static int give_back(void)
{
	const size_t len = 4 * MIB;
	char *p = sm_map(len);

	if (!p)
		return -1;
	sm_fill(p, len, 0);
	return munmap(p, len);
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
	for (cpu = 0; !sm_pin(cpu); cpu++)
		if (give_back())
			return -1;
	for (cpu = 0; !sm_pin(cpu); cpu++)
		if (take_huge_pages(node) || take_pieces(node))
			return -1;
	return 0;
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
	    sm_set("/proc/sys/vm/watermark_boost_factor", "0") ||
	    sm_few_pages_on_cpus() || pipe(done))
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
