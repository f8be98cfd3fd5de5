// SPDX-License-Identifier: GPL-2.0-only
/*
 * All races at once, in random order, for as long as one likes.
 *
 * usage: soak SECONDS SEED [RACE...]
 *
 * Several runs are under way all the time, each with a process and migrators of its
 * own, while the preferred path, and whether shared memory has huge pages, change at
 * random. If the kernel has fault injection, some allocations of the migrators fail.
 * Ends with what has been done. The status is 1 if a run went wrong or left something
 * behind.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest.h"
#include "race/race.h"

#define NR_RUNS		3
#define RUN_LIMIT	300	/* seconds, for one that hangs */
#define TELL		30	/* seconds between reports */
#define MAX_FAULTS	1000000000

static const char * const faults[] = {
	"/sys/kernel/debug/failslab",
	"/sys/kernel/debug/fail_page_alloc",
};

#define MAX_RACES	64
#define MAX_TRIES	1000	/* to find a race that may start */

static const struct race *races[MAX_RACES];
static int nr_races;

/* Runs that are under way, by race. */
static struct {
	bool chosen;
	pid_t pid;
	uint64_t seed;
	long began;
	struct race_shared *shared;
} run[MAX_RACES];

static uint64_t seed;
static long nr_runs, nr_failed, nr_rounds;
static unsigned long long nr_verified;

static unsigned long chance(unsigned long below)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (seed >> 33) % below;
}

static long seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* Allocations that have failed because we wanted it; counted down by the kernel. */
static long long nr_faults(void)
{
	long long nr = 0;
	char path[64];
	size_t i;

	for (i = 0; race_migrators_fail && i < ARRAY_SIZE(faults); i++) {
		snprintf(path, sizeof(path), "%s/times", faults[i]);
		nr += MAX_FAULTS - sm_read_long(path);
	}
	return nr;
}

static void tell(const char *when, long long carried, long long failed)
{
	carried = sm_vmstat("swapmig_evicted") + sm_vmstat("swapmig_moved") -
		  carried;
	printf("%s: %ld runs, %ld failed; %ld disturbances, %lld faults injected, ",
	       when, nr_runs, nr_failed, nr_rounds, failed);
	printf("%lld pages migrated, %llu MiB right\n", carried,
	       nr_verified * sm_page / MIB);
	fflush(stdout);
}

/* One allocation in a hundred, of those that the migrators make. */
static int prepare_faults(void)
{
	static const char * const settings[][2] = {
		{ "task-filter", "Y" }, { "probability", "1" },
		{ "times", "1000000000" }, { "verbose", "0" },
		{ "ignore-gfp-wait", "N" },
	};
	char path[96];
	size_t i, j;

	for (i = 0; i < ARRAY_SIZE(faults); i++)
		if (access(faults[i], F_OK))
			return 0;
	for (i = 0; i < ARRAY_SIZE(faults); i++)
		for (j = 0; j < ARRAY_SIZE(settings); j++) {
			snprintf(path, sizeof(path), "%s/%s", faults[i],
				 settings[j][0]);
			if (sm_set(path, settings[j][1]))
				return -1;
		}
	race_migrators_fail = true;
	return sm_set("/sys/kernel/debug/fail_page_alloc/min-order", "0");
}

/* Without these settings recorded first, runs would take each other's for the old ones. */
static int prepare_machine(void)
{
	static const char * const restore[][2] = {
		{ SM_PATH, "swap" },
		{ SM_WINDOW, "20" },
		{ SM_HUGE_SHMEM, "always" },
		{ SM_KSM "/run", "1" },
		{ SM_KSM "/pages_to_scan", "1000" },
		{ SM_KSM "/sleep_millisecs", "1" },
		{ "/proc/sys/kernel/numa_balancing", "1" },
		{ "/sys/kernel/debug/sched/numa_balancing/scan_delay_ms", "1" },
		{ "/sys/kernel/debug/sched/numa_balancing/scan_period_min_ms",
		  "10" },
		{ "/sys/kernel/debug/sched/numa_balancing/scan_period_max_ms",
		  "10" },
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(restore); i++)
		if (!access(restore[i][0], W_OK) &&
		    sm_set(restore[i][0], restore[i][1]))
			return -1;
	return sm_swap_on(SM_ZRAM, 128 * MIB) ||
	       sm_swap_on(SM_DISK, 256 * MIB) ? -1 : 0;
}

/* Those of version 1 of control groups would take the controller from the others. */
static void collect(const struct race * const *list)
{
	for (; *list && nr_races < MAX_RACES; list++)
		if (strcmp((*list)->name, "memcg_charges"))
			races[nr_races++] = *list;
}

static int choose(int nr_names, char **name)
{
	const struct race * const * const *list;
	int i, n, nr = 0;

	for (list = race_lists; *list; list++)
		collect(*list);

	for (i = 0; i < nr_races; i++) {
		const char *why = NULL;

		for (n = 0; n < nr_names; n++)
			if (!strcmp(name[n], races[i]->name))
				break;
		if (nr_names && n == nr_names)
			continue;
		if (races[i]->lacks)
			why = races[i]->lacks();
		if (why) {
			printf("without %s: %s\n", races[i]->name, why);
			continue;
		}
		run[i].chosen = true;
		run[i].shared = race_share();
		if (!run[i].shared)
			return -1;
		nr++;
	}
	return nr;
}

static void start(int i)
{
	static const char * const path[] = { "swap", "direct", "auto" };
	static const char * const window[] = { "0", "1", "20" };
	const char *wrong;

	run[i].seed = chance(1000000);
	run[i].began = seconds();
	sm_write(SM_PATH, path[chance(3)]);
	sm_write(SM_WINDOW, window[chance(3)]);
	if (!sm_lacks_path(SM_HUGE_SHMEM))
		sm_write(SM_HUGE_SHMEM, chance(4) ? "always" : "never");
	run[i].pid = sm_fork();
	if (run[i].pid)
		return;
	alarm(RUN_LIMIT);
	wrong = race_run(races[i], NULL, run[i].seed, 1 + chance(3), run[i].shared);
	if (wrong)
		fprintf(stderr, "FAILED: %s, seed %llu: %s\n", races[i]->name,
			(unsigned long long)run[i].seed, wrong);
	_exit(wrong ? 1 : 0);
}

static void finish(int i, int status)
{
	run[i].pid = 0;
	nr_runs++;
	nr_rounds += run[i].shared->hits;
	nr_verified += run[i].shared->pages;
	printf("  %s, seed %llu: %ld times, %ld s\n", races[i]->name,
	       (unsigned long long)run[i].seed, run[i].shared->hits,
	       seconds() - run[i].began);
	if (!status)
		return;
	nr_failed++;
	if (WIFSIGNALED(status))
		fprintf(stderr, "FAILED: %s, seed %llu: signal %d after %ld rounds%s\n",
			races[i]->name, (unsigned long long)run[i].seed,
			WTERMSIG(status), run[i].shared->hits,
			WTERMSIG(status) == SIGALRM ? ", it hangs" : "");
}

static bool disturb(const struct race *one, const struct race *other)
{
	return one->not_with && !strcmp(one->not_with, other->name);
}

static bool may_start(int i)
{
	int other;

	if (!run[i].chosen || run[i].pid > 0)
		return false;
	for (other = 0; other < nr_races; other++)
		if (run[other].pid > 0 && (disturb(races[i], races[other]) ||
					   disturb(races[other], races[i])))
			return false;
	return true;
}

/* Fill up with runs until @end, and wait for one. Returns how many there are. */
static int go_on(int nr_chosen, long end)
{
	int i, nr = 0, tries, status;
	pid_t pid;

	for (i = 0; i < nr_races; i++)
		nr += run[i].pid > 0;
	for (tries = 0; tries < MAX_TRIES && nr < NR_RUNS && nr < nr_chosen &&
	     seconds() < end; tries++) {
		i = chance(nr_races);
		if (!may_start(i))
			continue;
		start(i);
		nr++;
	}
	if (!nr)
		return 0;
	pid = wait(&status);
	for (i = 0; i < nr_races; i++)
		if (run[i].pid == pid)
			finish(i, status);
	return nr;
}

int main(int argc, char **argv)
{
	long begin = seconds(), told = begin, length;
	struct sm_held held;
	long long carried, faults_in_all;
	const char *why;
	int nr;

	length = argc > 2 ? atol(argv[1]) : 0;
	if (length < 1) {
		fprintf(stderr, "usage: soak SECONDS SEED [RACE...]\n");
		return 1;
	}
	seed = strtoull(argv[2], NULL, 10);
	why = sm_lacks_basics(2);
	if (!why)
		why = sm_lacks_swap(SM_ZRAM);
	if (!why)
		why = sm_lacks_swap(SM_DISK);
	if (why) {
		fprintf(stderr, "cannot run: %s\n", why);
		return 4;
	}

	sm_cleanup();
	nr = choose(argc - 3, argv + 3);
	sm_take_stock(&held);
	carried = sm_vmstat("swapmig_evicted") + sm_vmstat("swapmig_moved");
	if (nr < 1 || prepare_machine() || prepare_faults()) {
		perror("cannot start");
		return 1;
	}
	printf("%d races for %ld s, seed %llu\n", nr, length,
	       (unsigned long long)seed);
	while (go_on(nr, begin + length)) {
		char when[32];

		if (seconds() - told < TELL)
			continue;
		told = seconds();
		snprintf(when, sizeof(when), "%ld s", told - begin);
		tell(when, carried, nr_faults());
	}
	faults_in_all = nr_faults();
	sm_cleanup();
	if (sm_leaked(&held)) {
		fprintf(stderr, "FAILED: something has been left behind\n");
		nr_failed++;
	}
	tell("in all", carried, faults_in_all);
	return nr_failed ? 1 : 0;
}
