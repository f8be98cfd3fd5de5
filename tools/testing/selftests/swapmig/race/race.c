// SPDX-License-Identifier: GPL-2.0-only
/*
 * Races: the process, the migrators, and how a run goes. See race.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "race.h"

/* What a run has to see besides its rounds, times its scale. */
#define MIN_CALLS	3	/* of each migrator */
#define MIN_PASSES	2

/* A round that is in vain is tried again, but not for ever. */
#define MAX_TRIES	1000

bool race_migrators_fail;

static bool has(const int *flag)
{
	return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

static void set(int *flag)
{
	__atomic_store_n(flag, 1, __ATOMIC_RELEASE);
}

static long seen(const long *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static void count(long *counter, long nr)
{
	__atomic_add_fetch(counter, nr, __ATOMIC_RELAXED);
}

int race_failed(struct race_run *run, const char *file, int line,
		const char *what)
{
	char *text = run->shared->failed;
	int err = errno;

	file = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;
	if (!text[0])
		snprintf(text, sizeof(run->shared->failed), "%s:%d: %s (%s)",
			 file, line, what, strerror(err));
	return -1;
}

void race_check(struct race_run *run, bool good, const char *file, int line,
		const char *what)
{
	if (good)
		return;
	race_failed(run, file, line, what);
	longjmp(run->failed, 1);
}

long race_env(const char *name, long otherwise)
{
	const char *value = getenv(name);

	return value && *value ? atol(value) : otherwise;
}

unsigned long race_random(struct race_run *run, unsigned long below)
{
	run->random = run->random * 6364136223846793005ULL +
		      1442695040888963407ULL;
	return (run->random >> 33) % below;
}

void race_pause(struct race_run *run)
{
	usleep(race_random(run, 2000));
}

pid_t race_child(struct race_run *run)
{
	pid_t pid = sm_fork();

	if (pid > 0)
		__atomic_store_n(&run->shared->also, pid, __ATOMIC_RELAXED);
	return pid;
}

int race_child_end(struct race_run *run, pid_t pid)
{
	int status = sm_reap(pid);

	__atomic_store_n(&run->shared->also, 0, __ATOMIC_RELAXED);
	return status;
}

/* The process */

static void map_regions(struct race_run *run)
{
	struct race_region *r = run->region;
	int i, fd;

	r[0].len = MIB;
	r[0].addr = sm_map(r[0].len);
	r[1].len = SM_HUGE;
	r[1].addr = sm_map_huge(r[1].len);
	if (!r[1].addr)
		r[1].addr = sm_map(r[1].len);
	r[2].len = MIB;
	r[2].addr = sm_map_shared(-1, r[2].len, false);
	r[3].len = MIB / 2;
	fd = sm_lacks_ext4() ? sm_tmpfs_file("never") : sm_ext4_file();
	RACE_CHECK(run, fd >= 0 && !ftruncate(fd, r[3].len));
	r[3].addr = sm_map_fd(fd, r[3].len, PROT_READ | PROT_WRITE, MAP_SHARED);
	close(fd);
	/* Huge pages if shared memory has some. */
	r[4].len = SM_HUGE;
	r[4].addr = sm_map_shared(-1, r[4].len, true);

	for (i = 0; i < RACE_REGIONS; i++) {
		RACE_CHECK(run, r[i].addr);
		r[i].seed = race_random(run, 1000);
		sm_fill(r[i].addr, r[i].len, r[i].seed);
		run->shared->region[i] = r[i];
	}
}

/* All of the region is right; then, sometimes, write it anew. */
static void look(struct race_run *run, struct race_region *r)
{
	RACE_CHECK(run, !sm_bad(r->addr, r->len, r->seed));
	count(&run->shared->pages, sm_pages(r->len));
	if (!race_random(run, 3)) {
		r->seed++;
		sm_fill(r->addr, r->len, r->seed);
	}
}

static void do_round(struct race_run *run)
{
	long nr = run->shared->tries;
	int hit = run->race->round(run, nr);

	RACE_CHECK(run, hit >= 0);
	count(&run->shared->tries, 1);
	count(&run->shared->hits, hit);
	RACE_CHECK(run, run->shared->hits >= nr / MAX_TRIES);
}

static int process(struct race_run *run)
{
	const struct race *race = run->race;
	long i;

	if (setjmp(run->failed))
		return 1;
	map_regions(run);
	if (!race->outside) {
		run->scratch = sm_map_huge(RACE_SCRATCH);
		if (!run->scratch)
			run->scratch = sm_map(RACE_SCRATCH);
		RACE_CHECK(run, run->scratch);
		madvise(run->scratch, RACE_SCRATCH, MADV_NOHUGEPAGE);
		RACE_CHECK(run, !race->begin || !race->begin(run));
	}
	set(&run->shared->ready);
	for (i = 0; !has(&run->shared->exit); i++) {
		if (!race->outside)
			do_round(run);
		look(run, &run->region[i % RACE_REGIONS]);
		if (i % RACE_REGIONS == RACE_REGIONS - 1)
			count(&run->shared->passes, 1);
	}
	if (!race->outside && race->end)
		race->end(run);
	return 0;
}

/* The migrators */

static unsigned long some_nodes(struct race_run *run)
{
	unsigned long some;

	do {
		some = race_random(run, 2 * run->nodes) & run->nodes;
	} while (!some);
	return some;
}

static int call(struct race_run *run, int me)
{
	unsigned long to = some_nodes(run), from = some_nodes(run);
	pid_t also = __atomic_load_n(&run->shared->also, __ATOMIC_RELAXED);
	bool other = also && race_random(run, 2);

	/* Every other call takes all there is to one node. */
	if (race_random(run, 2)) {
		to &= -to;
		from = run->nodes & ~to;
	}
	if (sm_migrate(other ? also : run->process, from, to) >= 0) {
		if (!other)
			count(&run->shared->calls[me], 1);
		return 0;
	}
	/* The other one may be gone or, as a zombie, have no memory. */
	if (other && (errno == ESRCH || errno == EINVAL))
		return 0;
	if (race_migrators_fail && errno == ENOMEM)
		return 0;
	return race_failed(run, __FILE__, __LINE__, "migrate_pages()");
}

static void pause_for_rounds(struct race_run *run)
{
	struct race_shared *shared = run->shared;
	long until = seen(&shared->tries) + run->race->pause;

	while (seen(&shared->tries) < until && !has(&shared->stop))
		usleep(1000);
}

static int migrator(struct race_run *run, int me)
{
	while (!has(&run->shared->ready)) {
		if (has(&run->shared->stop))
			return 0;
		usleep(1000);
	}
	if (race_migrators_fail && sm_write("/proc/self/make-it-fail", "1"))
		return race_failed(run, __FILE__, __LINE__, "make-it-fail");
	while (!has(&run->shared->stop)) {
		if (call(run, me))
			return 1;
		pause_for_rounds(run);
	}
	return 0;
}

/* A run */

static bool ended(pid_t pid)
{
	siginfo_t info = { };

	return waitid(P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT) ||
	       info.si_pid;
}

/* Pages that have been carried on the path that the race is about. */
long long race_carried(const struct race *race, const char *counter)
{
	if (!counter || race->any_path)
		return sm_vmstat("swapmig_evicted") + sm_vmstat("swapmig_moved");
	return sm_vmstat(counter);
}

static bool enough(struct race_run *run)
{
	struct race_shared *shared = run->shared;
	int i;

	for (i = 0; i < RACE_MIGRATORS; i++)
		if (run->migrator[i] &&
		    seen(&shared->calls[i]) < MIN_CALLS * run->scale)
			return false;
	return seen(&shared->passes) >= MIN_PASSES * run->scale &&
	       seen(&shared->hits) >= run->race->rounds * run->scale &&
	       race_carried(run->race, run->counter) - run->carried >=
			RACE_MIN_CARRIED * run->scale;
}

static void start(struct race_run *run)
{
	int i, nr = run->race->migrators ? run->race->migrators : 1;

	run->process = sm_fork();
	RACE_CHECK(run, run->process >= 0);
	if (!run->process)
		_exit(process(run) ? 1 : 0);
	for (i = 0; i < nr; i++) {
		run->random += i + 1;
		run->migrator[i] = sm_fork();
		RACE_CHECK(run, run->migrator[i] >= 0);
		if (!run->migrator[i])
			_exit(migrator(run, i));
	}
	while (!has(&run->shared->ready)) {
		RACE_CHECK(run, !ended(run->process));
		usleep(1000);
	}
}

static int go(struct race_run *run)
{
	const struct race *race = run->race;
	int i;

	if (setjmp(run->failed))
		return -1;
	RACE_CHECK(run, !race->prepare || !race->prepare());
	start(run);
	if (race->outside && race->begin)
		RACE_CHECK(run, !race->begin(run));
	while (!enough(run)) {
		if (!race->outside)
			usleep(1000);
		else
			do_round(run);
		for (i = 0; i < RACE_MIGRATORS; i++)
			RACE_CHECK(run, run->migrator[i] <= 0 ||
				   !ended(run->migrator[i]));
		RACE_CHECK(run, !ended(run->process));
	}
	return 0;
}

/* A signal says more than what other processes notice of it. */
static int end(struct race_run *run, pid_t *pid, const char *who)
{
	int status = *pid > 0 ? sm_reap(*pid) : 0;

	*pid = 0;
	if (status && WIFSIGNALED(status))
		snprintf(run->shared->failed, sizeof(run->shared->failed),
			 "%s: signal %d", who, WTERMSIG(status));
	return status ? -1 : 0;
}

struct race_shared *race_share(void)
{
	return sm_map_fd(-1, sizeof(struct race_shared), PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS);
}

const char *race_run(const struct race *race, const char *counter, uint64_t seed,
		     long scale, struct race_shared *shared)
{
	struct race_run run = {
		.race = race, .shared = shared, .scale = scale, .random = seed,
		.nodes = sm_all_nodes(),
		.counter = counter, .carried = race_carried(race, counter),
	};
	int i, ret;

	memset(shared, 0, sizeof(*shared));
	ret = go(&run);
	set(&shared->stop);
	for (i = 0; i < RACE_MIGRATORS; i++)
		ret |= end(&run, &run.migrator[i], "migrator");
	set(&shared->exit);
	ret |= end(&run, &run.process, "process");
	if (race->outside && race->end)
		race->end(&run);
	if (!ret && !shared->failed[0])
		return NULL;
	return shared->failed[0] ? shared->failed : "unknown";
}
