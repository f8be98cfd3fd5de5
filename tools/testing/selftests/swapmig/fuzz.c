// SPDX-License-Identifier: GPL-2.0-only
/*
 * Callers that pass random nodemasks, lengths, pointers and processes. Each call
 * succeeds or fails as migrate_pages(2) documents, and nothing else happens.
 * SWAPMIG_SEED=N changes what they pass, SWAPMIG_ROUNDS=N has them call N times as
 * often.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "util.h"

#define NR_CALLS	2000
#define LEN		MIB
#define SEED		59
#define OTHER		12345		/* a user that is neither root nor nobody */

enum whose { MINE, KERNELS, ZOMBIES, OTHERS, NAMESPACES, ANYBODYS, NR_WHOSE };

FIXTURE(fuzz)
{
	struct sm_peer mine;
	struct sm_peer others;
	struct sm_buffer buf;
	pid_t zombie;
	pid_t parent;
	pid_t namespaced;
	uint64_t random;
};

FIXTURE_VARIANT(fuzz)
{
	const char *path;
	bool root;
};

FIXTURE_VARIANT_ADD(fuzz, swap_user)
{
	.path = "swap", .root = false,
};

FIXTURE_VARIANT_ADD(fuzz, swap_root)
{
	.path = "swap", .root = true,
};

FIXTURE_VARIANT_ADD(fuzz, direct_user)
{
	.path = "direct", .root = false,
};

FIXTURE_VARIANT_ADD(fuzz, direct_root)
{
	.path = "direct", .root = true,
};

/* A buffer peer that can become somebody. */
#define BECOME		1000

static long serve(int what, void *arg)
{
	if (what >= BECOME)
		return sm_become(what - BECOME);
	return sm_serve_buffer(what, arg);
}

/* A process that is the first of its namespace, and its parent. */
static int start_namespace(struct _test_data_fuzz *self)
{
	int told[2];
	ssize_t n;
	pid_t pid;

	if (pipe(told))
		return -1;
	self->parent = sm_fork();
	if (!self->parent) {
		close(told[0]);
		if (unshare(CLONE_NEWPID))
			_exit(1);
		/* In there nobody has a parent, as sm_fork() wants one. */
		pid = fork();
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;)
				pause();
		}
		if (write(told[1], &pid, sizeof(pid)) == sizeof(pid))
			pause();
		_exit(1);
	}
	close(told[1]);
	n = read(told[0], &self->namespaced, sizeof(self->namespaced));
	close(told[0]);
	return n == sizeof(self->namespaced) && self->namespaced > 0 ? 0 : -1;
}

FIXTURE_SETUP(fuzz)
{
	int who = variant->root ? 0 : SM_NOBODY;
	siginfo_t info;

	sm_cleanup();
	SM_NEED(sm_lacks_basics(2));
	SM_SWAP_ON(SM_ZRAM, 64 * MIB);
	ASSERT_EQ(0, sm_prefer(variant->path));
	self->random = getenv("SWAPMIG_SEED") ? atol(getenv("SWAPMIG_SEED")) : 1;
	self->buf.addr = sm_map(LEN);
	ASSERT_TRUE(!!self->buf.addr);
	self->buf.len = LEN;
	self->buf.seed = SEED;
	self->buf.node = sm_node(0);
	ASSERT_EQ(0, sm_peer_start(&self->mine, serve, &self->buf));
	ASSERT_EQ(0, sm_peer_start(&self->others, serve, &self->buf));
	ASSERT_EQ(0, sm_peer_ask(&self->mine, BECOME + who));
	ASSERT_EQ(0, sm_peer_ask(&self->others, BECOME + OTHER));
	ASSERT_EQ(0, sm_peer_ask(&self->mine, SM_PEER_FILL));
	ASSERT_EQ(0, sm_peer_ask(&self->others, SM_PEER_FILL));
	if (start_namespace(self))
		TH_LOG("no namespaces of processes");
	self->zombie = sm_fork();
	if (!self->zombie)
		_exit(0);
	ASSERT_LT(0, self->zombie);
	ASSERT_EQ(0, waitid(P_PID, self->zombie, &info, WEXITED | WNOWAIT));
}

FIXTURE_TEARDOWN(fuzz)
{
	sm_kill(self->zombie);
	sm_kill(self->parent);
	sm_peer_end(&self->mine);
	sm_peer_end(&self->others);
	sm_cleanup();
}

static uint64_t some(struct _test_data_fuzz *self)
{
	self->random = self->random * 6364136223846793005ULL +
		       1442695040888963407ULL;
	return self->random >> 31;
}

static pid_t some_pid(struct _test_data_fuzz *self, enum whose *whose)
{
	*whose = some(self) % NR_WHOSE;
	switch (*whose) {
	case MINE:
		return some(self) % 2 ? self->mine.pid : 0;
	case KERNELS:
		return 2;
	case ZOMBIES:
		return self->zombie;
	case OTHERS:
		return some(self) % 4 ? self->others.pid : 1;
	case NAMESPACES:
		return self->namespaced ? self->namespaced : 1;
	default:
		return some(self) % 2 ? (int)some(self) : (int)(some(self) % 500);
	}
}

static unsigned long some_maxnode(struct _test_data_fuzz *self)
{
	switch (some(self) % 8) {
	case 0:
		return some(self) % 200;
	case 1:
		return 8 * sm_page - some(self) % 3;
	case 2:
		return 8 * sm_page + 1 + some(self) % 100;
	case 3:
		return (unsigned long)some(self) * some(self);
	case 4:
		return -(unsigned long)(some(self) % 100);
	default:
		return 8 * sizeof(long) + 1;
	}
}

/* A pointer to @page, at its end, or to something quite different. */
static const void *some_mask(struct _test_data_fuzz *self, char *page)
{
	unsigned long *mask = (void *)page;
	size_t words = sm_page / sizeof(*mask), i;

	memset(page, 0, sm_page);
	switch (some(self) % 12) {
	case 0:
		return NULL;
	case 1:
		return (void *)(uintptr_t)(some(self) * some(self));
	case 2:
		return (void *)(uintptr_t)-(some(self) % 10000);
	case 3:
		/* What is behind it cannot be read. */
		mask[words - 1] = some(self) & sm_all_nodes();
		return &mask[words - 1];
	case 4:
		for (i = 0; i < words; i++)
			mask[i] = some(self);
		return page;
	case 5:
		mask[0] = some(self);
		return page + some(self) % 8;
	default:
		mask[0] = some(self) & sm_all_nodes();
		return page;
	}
}

static bool documented(int err)
{
	return err == ESRCH || err == EPERM || err == EFAULT || err == EINVAL ||
	       err == ENOMEM;
}

/* Status 0, or what is wrong. */
static int be_fuzzy(struct _test_data_fuzz *self, bool root, long nr_calls)
{
	char *page[2], *own = sm_map(LEN);
	enum whose whose;
	long i, ret;
	pid_t pid;

	for (i = 0; i < 2; i++) {
		page[i] = sm_map(2 * sm_page);
		if (!page[i] || munmap(page[i] + sm_page, sm_page))
			return 2;
	}
	if (!own || (!root && sm_become(SM_NOBODY)))
		return 3;
	sm_fill(own, LEN, SEED);
	for (i = 0; i < nr_calls; i++) {
		pid = some_pid(self, &whose);
		ret = sm_migrate_raw(pid, some_maxnode(self),
				     some_mask(self, page[0]),
				     some_mask(self, page[1]));
		if (ret < -1 || (ret == -1 && !documented(errno))) {
			printf("# call %ld, process %d: %ld, %s\n", i, pid, ret,
			       strerror(errno));
			return 4;
		}
		/* Kernel threads and the dead have no memory. */
		if (ret >= 0 && (whose == KERNELS || whose == ZOMBIES))
			return 5;
		if (ret >= 0 && !root && pid &&
		    (whose == OTHERS || whose == NAMESPACES))
			return 6;
		if (!(i % 256) && sm_bad(own, LEN, SEED))
			return 7;
	}
	return sm_bad(own, LEN, SEED) ? 8 : 0;
}

SM_TEST_F(fuzz, calls)
{
	long rounds = getenv("SWAPMIG_ROUNDS") ?
		      atol(getenv("SWAPMIG_ROUNDS")) : 1;
	long pages = sm_pages(LEN);
	pid_t pid;

	TH_LOG("seed %lld", (long long)self->random);
	pid = sm_fork();
	if (!pid)
		_exit(be_fuzzy(self, variant->root, rounds * NR_CALLS));
	ASSERT_LT(0, pid);
	EXPECT_EQ(0, sm_reap(pid));

	/* What belongs to others is where it was. */
	if (!variant->root)
		EXPECT_EQ(pages, sm_on_node(self->others.pid, self->buf.addr,
					    LEN, sm_node(0)));
	EXPECT_EQ(0, sm_peer_ask(&self->others, SM_PEER_BAD));
	EXPECT_EQ(0, sm_peer_ask(&self->mine, SM_PEER_BAD));
}

/* Anything written to the file of the path is taken as a name, or refused. */
static int write_some(struct _test_data_fuzz *self, bool root)
{
	static const char * const name[] = { "swap", "direct", "auto", "\n", "", "[" };
	char text[300], now[64] = "";
	size_t len, i;
	ssize_t n;
	int fd, r;

	for (r = 0; r < 200; r++) {
		len = some(self) % sizeof(text);
		for (i = 0; i < len; i++)
			text[i] = some(self);
		if (r % 2)
			len = sprintf(text, "%s%s", name[some(self) % 6],
				      name[some(self) % 6]);
		fd = open(SM_PATH, O_WRONLY);
		if (!root) {
			if (fd >= 0 || errno != EACCES)
				return 2;
			continue;
		}
		n = write(fd, text, len);
		close(fd);
		if (n < 0 && errno != EINVAL)
			return 3;
		fd = open(SM_PATH, O_RDONLY);
		n = read(fd, now, sizeof(now) - 1);
		close(fd);
		now[n < 0 ? 0 : n] = 0;
		if (strcmp(now, "[swap] direct auto\n") &&
		    strcmp(now, "swap [direct] auto\n") &&
		    strcmp(now, "swap direct [auto]\n"))
			return 4;
	}
	return 0;
}

SM_TEST_F(fuzz, path)
{
	pid_t pid;

	TH_LOG("seed %lld", (long long)self->random);
	pid = sm_fork();
	if (!pid) {
		if (!variant->root && sm_become(SM_NOBODY))
			_exit(1);
		_exit(write_some(self, variant->root));
	}
	ASSERT_LT(0, pid);
	EXPECT_EQ(0, sm_reap(pid));
}

TEST_HARNESS_MAIN
