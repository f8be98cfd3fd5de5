// SPDX-License-Identifier: GPL-2.0-only
/*
 * The process that is migrated: one that is not the caller, one with threads, one
 * that forks or uses its memory during the call, one that dies.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/swap.h>

#include "../kselftest_harness.h"
#include "util.h"

#define LEN		(8 * MIB)
#define SEED		23
#define NR_THREADS	3
#define WORK_LEN	(3 * MIB / 2)	/* of which no page is ever at rest */
#define NR_CALLS	5

FIXTURE(process)
{
	struct sm_buffer buf;
	struct sm_peer peer;
	pid_t child[2];
	int *stop;		/* shared with children */
};

FIXTURE_VARIANT(process)
{
	enum sm_dev dev;
};

FIXTURE_VARIANT_ADD(process, zram)
{
	.dev = SM_ZRAM,
};

FIXTURE_VARIANT_ADD(process, disk)
{
	.dev = SM_DISK,
};

FIXTURE_SETUP(process)
{
	SM_BEGIN(2);
	SM_SWAP_ON(variant->dev, 128 * MIB);
	self->buf.addr = sm_map(LEN);
	self->buf.len = LEN;
	self->buf.seed = SEED;
	self->buf.node = sm_node(0);
	self->stop = sm_map_fd(-1, sm_page, PROT_READ | PROT_WRITE,
			       MAP_SHARED | MAP_ANONYMOUS);
	ASSERT_TRUE(self->buf.addr && self->stop);
}

FIXTURE_TEARDOWN(process)
{
	sm_kill(self->child[0]);
	sm_kill(self->child[1]);
	sm_peer_end(&self->peer);
	sm_cleanup();
}

static void start(SM_ARGS(process), long (*serve)(int what, void *arg))
{
	ASSERT_EQ(0, sm_peer_start(&self->peer, serve, &self->buf));
	ASSERT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_FILL));
	ASSERT_EQ(sm_pages(LEN), sm_on_node(self->peer.pid, self->buf.addr,
					    LEN, sm_node(0)));
}

static bool stopped(const int *stop)
{
	return __atomic_load_n(stop, __ATOMIC_ACQUIRE);
}

static void set_stop(int *stop)
{
	__atomic_store_n(stop, 1, __ATOMIC_RELEASE);
}

SM_TEST_F(process, another_process)
{
	pid_t pid;

	start(_metadata, self, sm_serve_buffer);
	pid = self->peer.pid;
	EXPECT_EQ(0, sm_migrate(pid, sm_from(), sm_to()));
	EXPECT_EQ(0, sm_present(pid, self->buf.addr, LEN));
	EXPECT_EQ(sm_pages(LEN), sm_swapped(pid, self->buf.addr, LEN));
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
	EXPECT_EQ(sm_pages(LEN), sm_present(pid, self->buf.addr, LEN));
}

SM_TEST_F(process, stopped)
{
	pid_t pid;
	int status;

	start(_metadata, self, sm_serve_buffer);
	pid = self->peer.pid;
	ASSERT_EQ(0, kill(pid, SIGSTOP));
	ASSERT_EQ(pid, waitpid(pid, &status, WUNTRACED));
	EXPECT_EQ(0, sm_migrate(pid, sm_from(), sm_to()));
	EXPECT_EQ(0, sm_present(pid, self->buf.addr, LEN));
	ASSERT_EQ(0, kill(pid, SIGCONT));
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
}

/* The child has left for swap with its parent; then they part. */
SM_TEST_F(process, forked_while_in_swap)
{
	ASSERT_EQ(0, sm_bind(sm_node(0)));
	sm_fill(self->buf.addr, LEN, SEED);
	ASSERT_EQ(0, sm_unbind());
	ASSERT_EQ(0, sm_migrate(0, sm_from(), sm_to()));
	ASSERT_EQ(0, sm_present(0, self->buf.addr, LEN));

	ASSERT_EQ(0, sm_peer_start(&self->peer, sm_serve_buffer, &self->buf));
	sm_fill(self->buf.addr, LEN, SEED + 1);
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
	EXPECT_EQ(0, sm_bad(self->buf.addr, LEN, SEED + 1));
}

/*
 * Each thread counts in every page of its part how often it came by. A write
 * that gets lost between a page and its copy in swap is a count too few.
 */
struct worker {
	pthread_t id;
	char *addr;
	size_t len;
	const int *stop;
	unsigned long rounds;
};

static void *work(void *arg)
{
	struct worker *w = arg;
	unsigned long round;
	size_t i;

	/* The bound is for a call that does not return. */
	for (round = 1; round < 10000000 && !stopped(w->stop); round++) {
		for (i = 0; i < w->len; i += sm_page)
			__atomic_add_fetch((long *)(w->addr + i), 1,
					   __ATOMIC_RELAXED);
		w->rounds = round;
	}
	return NULL;
}

/* Wrong pages after threads have worked on them until told to stop. */
static long run_threads(struct sm_buffer *buf, int *stop)
{
	size_t part = WORK_LEN / NR_THREADS, i;
	struct worker w[NR_THREADS] = { };
	long bad = 0;
	int t;

	for (t = 0; t < NR_THREADS; t++) {
		w[t].addr = buf->addr + t * part;
		w[t].len = part;
		w[t].stop = stop;
		if (pthread_create(&w[t].id, NULL, work, &w[t]))
			return -1;
	}
	for (t = 0; t < NR_THREADS; t++) {
		pthread_join(w[t].id, NULL);
		for (i = 0; i < part; i += sm_page)
			bad += *(unsigned long *)(w[t].addr + i) != w[t].rounds;
	}
	return bad;
}

SM_TEST_F(process, threads_that_write)
{
	long long evicted = sm_vmstat("swapmig_evicted");
	int status, i;

	self->child[0] = sm_fork();
	if (!self->child[0])
		_exit(run_threads(&self->buf, self->stop) ? 1 : 0);
	ASSERT_LT(0, self->child[0]);
	/* Back and forth; not often, as each page written costs a fault. */
	for (i = 0; i < NR_CALLS / 2; i++) {
		EXPECT_LE(0, sm_migrate(self->child[0], sm_from(), sm_to()));
		EXPECT_LE(0, sm_migrate(self->child[0], sm_to(), sm_from()));
	}
	set_stop(self->stop);
	status = sm_reap(self->child[0]);
	self->child[0] = 0;
	EXPECT_EQ(0, status);
	EXPECT_LT(0, sm_vmstat("swapmig_evicted") - evicted);
}

/* Nothing but faults: the pages are read as fast as they leave. */
SM_TEST_F(process, reads_during_the_call)
{
	int status, i;

	ASSERT_EQ(0, sm_bind(sm_node(0)));
	sm_fill(self->buf.addr, LEN, SEED);
	ASSERT_EQ(0, sm_unbind());
	self->child[0] = sm_fork();
	if (!self->child[0]) {
		for (i = 0; i < 100000 && !stopped(self->stop); i++)
			if (sm_bad(self->buf.addr, WORK_LEN, SEED))
				_exit(1);
		_exit(0);
	}
	ASSERT_LT(0, self->child[0]);
	for (i = 0; i < NR_CALLS; i++) {
		EXPECT_LE(0, sm_migrate(self->child[0], sm_from(), sm_to()));
		EXPECT_LE(0, sm_migrate(self->child[0], sm_to(), sm_from()));
	}
	set_stop(self->stop);
	status = sm_reap(self->child[0]);
	self->child[0] = 0;
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, sm_bad(self->buf.addr, LEN, SEED));
}

/* A process that maps, forks and unmaps all the time. */
static int churn(const int *stop)
{
	char *p;
	pid_t pid;
	int i;

	for (i = 0; i < 100000 && !stopped(stop); i++) {
		p = sm_map(MIB);
		if (!p)
			return 1;
		sm_fill(p, MIB, i);
		pid = sm_fork();
		if (pid < 0)
			return 1;
		if (!pid)
			_exit(sm_bad(p, MIB, i) ? 1 : 0);
		if (sm_bad(p, MIB, i) || sm_reap(pid))
			return 1;
		munmap(p, MIB);
	}
	return 0;
}

SM_TEST_F(process, changes_during_the_call)
{
	int status, i;

	self->child[0] = sm_fork();
	if (!self->child[0])
		_exit(churn(self->stop));
	ASSERT_LT(0, self->child[0]);
	for (i = 0; i < NR_CALLS; i++) {
		EXPECT_LE(0, sm_migrate(self->child[0], sm_from(), sm_to()));
		EXPECT_LE(0, sm_migrate(self->child[0], sm_to(), sm_from()));
	}
	set_stop(self->stop);
	status = sm_reap(self->child[0]);
	self->child[0] = 0;
	EXPECT_EQ(0, status);
}

/* Two callers who want the opposite. */
SM_TEST_F(process, of_two_callers)
{
	int status, i;

	start(_metadata, self, sm_serve_buffer);
	self->child[0] = sm_fork();
	if (!self->child[0]) {
		for (i = 0; i < NR_CALLS; i++)
			if (sm_migrate(self->peer.pid, sm_to(), sm_from()) < 0)
				_exit(1);
		_exit(0);
	}
	ASSERT_LT(0, self->child[0]);
	for (i = 0; i < NR_CALLS; i++) {
		EXPECT_LE(0, sm_migrate(self->peer.pid, sm_from(), sm_to()));
		EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
	}
	status = sm_reap(self->child[0]);
	self->child[0] = 0;
	EXPECT_EQ(0, status);
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
}

/* swapoff() brings back what the call sends away. */
SM_TEST_F(process, while_swap_goes_off)
{
	long ret;

	start(_metadata, self, sm_serve_buffer);
	ASSERT_EQ(0, sm_migrate(self->peer.pid, sm_from(), sm_to()));
	self->child[0] = sm_fork();
	if (!self->child[0])
		_exit(sm_swap_off() ? 1 : 0);
	ASSERT_LT(0, self->child[0]);
	for (int i = 0; i < NR_CALLS; i++) {
		ret = sm_migrate(self->peer.pid, sm_all_nodes() & ~sm_to(),
				 sm_to());
		EXPECT_LE(0, ret);
	}
	EXPECT_EQ(0, sm_reap(self->child[0]));
	self->child[0] = 0;
	EXPECT_EQ(sm_pages(LEN), sm_present(self->peer.pid, self->buf.addr,
					    LEN));
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
}

/*
 * Kill @victim once the call of @caller has got somewhere. Evicted pages are
 * the only sign of that from outside.
 */
static void kill_in_the_middle(pid_t victim, pid_t caller)
{
	long long start = sm_vmstat("swapmig_evicted");
	siginfo_t info;

	do {
		info.si_pid = 0;
		if (waitid(P_PID, caller, &info, WEXITED | WNOHANG | WNOWAIT))
			break;
	} while (!info.si_pid && sm_vmstat("swapmig_evicted") - start < 512);
	kill(victim, SIGKILL);
}

SM_TEST_F(process, killed_in_the_middle)
{
	pid_t victim;
	int status;

	for (int i = 0; i < 5; i++) {
		start(_metadata, self, sm_serve_buffer);
		victim = self->peer.pid;
		self->child[0] = sm_fork();
		if (!self->child[0]) {
			/* A killed process is no error, or not there. */
			_exit(sm_migrate(victim, sm_from(), sm_to()) < 0 &&
			      errno != ESRCH && errno != EINVAL);
		}
		ASSERT_LT(0, self->child[0]);
		kill_in_the_middle(victim, self->child[0]);
		status = sm_reap(self->child[0]);
		self->child[0] = 0;
		EXPECT_EQ(0, status);
		sm_peer_end(&self->peer);
	}
}

SM_TEST_F(process, whose_caller_is_killed)
{
	for (int i = 0; i < 5; i++) {
		start(_metadata, self, sm_serve_buffer);
		self->child[0] = sm_fork();
		if (!self->child[0])
			_exit(sm_migrate(self->peer.pid, sm_from(),
					 sm_to()) < 0);
		ASSERT_LT(0, self->child[0]);
		kill_in_the_middle(self->child[0], self->child[0]);
		sm_reap(self->child[0]);
		self->child[0] = 0;
		/* Nothing is lost, and nothing keeps the rest from going. */
		EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
		EXPECT_EQ(0, sm_migrate(self->peer.pid, sm_all_nodes() &
					~sm_to(), sm_to()));
		sm_peer_end(&self->peer);
	}
}

/*
 * All of a process goes to swap. @free: the pages that are free on all nodes by then,
 * as zram takes its own from any.
 */
static void evict_all(SM_ARGS(process), long *free)
{
	size_t len = 96 * MIB;
	char *p = sm_map(len);

	ASSERT_TRUE(!!p);
	/* Each CPU keeps some free pages, which are not counted; one CPU at a time. */
	ASSERT_EQ(0, sm_pin(0));
	ASSERT_EQ(0, sm_bind(sm_node(0)));
	sm_fill(p, len, SEED);
	ASSERT_EQ(0, sm_unbind());
	EXPECT_EQ(0, sm_migrate(0, sm_from(), sm_to()));
	EXPECT_EQ(sm_pages(len), sm_swapped(0, p, len));
	*free = sm_vmstat("nr_free_pages");
	EXPECT_EQ(0, sm_bad(p, len, SEED));
	munmap(p, len);
	ASSERT_EQ(0, sm_unpin());
}

/* The memory of a killed process is free, though the migration goes on. */
SM_TEST_F(process, frees_its_memory_when_killed)
{
	long before, after;

	ASSERT_EQ(0, sm_few_pages_on_cpus());
	/* Page by page, all this memory would take a disk minutes. */
	ASSERT_EQ(0, sm_set("/proc/sys/vm/page-cluster", "5"));
	evict_all(_metadata, self, &before);
	start(_metadata, self, sm_serve_buffer);
	self->child[0] = sm_fork();
	if (!self->child[0]) {
		sm_migrate(self->peer.pid, sm_from(), sm_to());
		_exit(0);
	}
	ASSERT_LT(0, self->child[0]);
	kill_in_the_middle(self->peer.pid, self->child[0]);
	EXPECT_LE(0, sm_reap(self->child[0]));
	self->child[0] = 0;
	sm_peer_end(&self->peer);

	/* Neither memory nor swap is lost: the next one has room for all. */
	evict_all(_metadata, self, &after);
	EXPECT_LE(before - sm_pages(LEN) / 2, after);
}

TEST_HARNESS_MAIN
