// SPDX-License-Identifier: GPL-2.0-only
/*
 * Races of migration with what other processes and the kernel itself do to the
 * memory of the process. See race.h.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "race.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

/* Several migrators, and others who look at the process's memory or use it */

static int round_migrators(struct race_run *run, long nr)
{
	struct race_region *r = &run->shared->region[nr % RACE_REGIONS];
	char page[sm_page];
	struct iovec here = { .iov_base = page, .iov_len = sm_page };
	struct iovec there = {
		.iov_base = r->addr +
			    race_random(run, sm_pages(r->len)) * sm_page,
		.iov_len = sm_page,
	};

	RACE_CHECK(run, process_vm_readv(run->process, &here, 1, &there, 1, 0) ==
		   (ssize_t)sm_page);
	RACE_CHECK(run, sm_present(run->process, r->addr, r->len) >= 0);
	RACE_CHECK(run, sm_swapped(run->process, r->addr, r->len) >= 0);
	RACE_CHECK(run, sm_mapped_on_node(run->process, sm_node(0)) >= 0);
	return 1;
}

static const struct race race_migrators = {
	.name = "migrators", .outside = true, .migrators = 3,
	.round = round_migrators, .rounds = 10,
};

/* The path changes while calls are under way. */

static int begin_path(struct race_run *run)
{
	return sm_prefer("swap");
}

static int round_path(struct race_run *run, long nr)
{
	RACE_CHECK(run, !sm_write(SM_PATH, nr % 2 ? "swap" : "direct"));
	usleep(race_random(run, 100000));
	return 1;
}

static const struct race race_path = {
	.name = "path", .outside = true, .any_path = true,
	.begin = begin_path, .round = round_path, .rounds = 20,
};

/* Advice from another process */

static int begin_process_madvise(struct race_run *run)
{
	static int fd;

	fd = syscall(SYS_pidfd_open, run->process, 0);
	run->data = &fd;
	return fd < 0 ? -1 : 0;
}

/* Only some memory can collapse, and not while it is in a migrator's hands. */
static int round_process_madvise(struct race_run *run, long nr)
{
	static const int advice[] = {
		MADV_PAGEOUT, MADV_COLD, MADV_WILLNEED, MADV_COLLAPSE,
	};
	struct race_region *r = &run->shared->region[nr % RACE_REGIONS];
	struct iovec iov = { .iov_base = r->addr, .iov_len = r->len };
	int what = advice[nr / RACE_REGIONS % 4];
	bool done;

	done = syscall(SYS_process_madvise, *(int *)run->data, &iov, 1UL, what,
		       0UL) == (long)r->len;
	RACE_CHECK(run, done || what == MADV_COLLAPSE);
	return done;
}

static void end_process_madvise(struct race_run *run)
{
	if (run->data)
		close(*(int *)run->data);
}

static const struct race race_process_madvise = {
	.name = "process_madvise", .outside = true,
	.begin = begin_process_madvise, .round = round_process_madvise,
	.end = end_process_madvise, .rounds = 32,
};

/* Swap that goes off, with everything brought back, and on again */

static int round_swapoff(struct race_run *run, long nr)
{
	RACE_CHECK(run, !sm_swap_off_and_on());
	return 1;
}

/* Where a control group has no memory left, swapoff cannot bring its pages back. */
static const struct race race_swapoff = {
	.name = "swapoff", .outside = true, .not_with = "oom",
	.round = round_swapoff, .rounds = 4,
};

/* The kernel's own movers of pages */

#define BALANCING	"/proc/sys/kernel/numa_balancing"
#define SCAN		"/sys/kernel/debug/sched/numa_balancing/"

static const char *lacks_balancing(void)
{
	const char *why = sm_lacks_path(BALANCING);

	return why ? why : sm_lacks_path(SCAN "scan_period_min_ms");
}

/* A process takes over the delay of its first scan when it is forked. */
static int prepare_balancing(void)
{
	return sm_set(SCAN "scan_delay_ms", "1") ||
	       sm_set(SCAN "scan_period_min_ms", "10") ||
	       sm_set(SCAN "scan_period_max_ms", "10") ||
	       sm_set(BALANCING, "1") ? -1 : 0;
}

static int begin_balancing(struct race_run *run)
{
	static long long faults;

	faults = sm_vmstat("numa_hint_faults");
	run->data = &faults;
	return 0;
}

/* The process goes from CPU to CPU, so that its memory should follow. */
static int round_balancing(struct race_run *run, long nr)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	long long *faults = run->data, before = *faults;
	cpu_set_t set;
	int tries;

	CPU_ZERO(&set);
	CPU_SET(nr / 8 % cpus, &set);
	if (sched_setaffinity(run->process, sizeof(set), &set))
		RACE_CHECK(run, errno == EINVAL);
	for (tries = 0; tries < 20 && *faults == before; tries++) {
		usleep(5000);
		*faults = sm_vmstat("numa_hint_faults");
	}
	return *faults > before;
}

static const struct race race_numa_balancing = {
	.name = "numa_balancing", .lacks = lacks_balancing, .outside = true,
	.prepare = prepare_balancing, .begin = begin_balancing,
	.round = round_balancing, .rounds = 8,
};

#define COMPACT		"/proc/sys/vm/compact_memory"

static const char *lacks_compaction(void)
{
	return sm_lacks_path(COMPACT);
}

static int round_compaction(struct race_run *run, long nr)
{
	RACE_CHECK(run, !sm_write(COMPACT, "1"));
	return 1;
}

static const struct race race_compaction = {
	.name = "compaction", .lacks = lacks_compaction, .outside = true,
	.round = round_compaction, .rounds = 4,
};

const struct race * const races_of_machine[] = {
	&race_migrators, &race_path, &race_process_madvise, &race_swapoff,
	&race_numa_balancing, &race_compaction, NULL,
};
