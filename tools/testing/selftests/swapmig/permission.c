// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rights that a caller needs, for the process, the nodes, and the pages.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "../kselftest_harness.h"
#include "util.h"

#define LEN	(4 * MIB)

FIXTURE(permission)
{
	int from;
	int to;
	struct sm_peer peer;
	pid_t other;
	char *addr;
};

FIXTURE_SETUP(permission)
{
	SM_BEGIN(2);
	SM_NEED(sm_lacks_swap(SM_ZRAM));
	self->from = sm_node(0);
	self->to = sm_node(1);
	ASSERT_EQ(0, sm_swap_on(SM_ZRAM, 64 * MIB));
	self->addr = sm_map(LEN);
	ASSERT_TRUE(!!self->addr);
}

FIXTURE_TEARDOWN(permission)
{
	sm_peer_end(&self->peer);
	sm_kill(self->other);
	munmap(self->addr, LEN);
	sm_cleanup();
}

/* Call as user @uid.  Returns the result of the call, or -errno. */
static long as_user(uid_t uid, pid_t pid, unsigned long from, unsigned long to)
{
	int fd[2];
	long ret;
	pid_t caller;

	if (pipe(fd))
		return -EPIPE;
	caller = sm_fork();
	if (!caller) {
		ret = -ENOTRECOVERABLE;
		if (!sm_become(uid)) {
			ret = sm_migrate(pid, from, to);
			if (ret < 0)
				ret = -errno;
		}
		if (write(fd[1], &ret, sizeof(ret)) != sizeof(ret))
			_exit(1);
		_exit(0);
	}
	close(fd[1]);
	if (read(fd[0], &ret, sizeof(ret)) != sizeof(ret))
		ret = -EPIPE;
	close(fd[0]);
	sm_reap(caller);
	return ret;
}

enum { BECOME_NOBODY = 100, BECOME_OTHER, BE_SECRET };

/* The buffer peer, which can also change who it is. */
static long serve_user(int what, void *arg)
{
	switch (what) {
	case BECOME_NOBODY:
		return sm_become(SM_NOBODY);
	case BECOME_OTHER:
		return sm_become(SM_NOBODY - 1);
	case BE_SECRET:
		return prctl(PR_SET_DUMPABLE, 0);
	}
	return sm_serve_buffer(what, arg);
}

static void start(SM_ARGS(permission), int who)
{
	struct sm_buffer buf = {
		.addr = self->addr, .len = LEN, .seed = 2, .node = self->from,
	};

	ASSERT_EQ(0, sm_peer_start(&self->peer, serve_user, &buf));
	if (who)
		ASSERT_EQ(0, sm_peer_ask(&self->peer, who));
	ASSERT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_FILL));
	ASSERT_EQ(sm_pages(LEN), sm_on_node(self->peer.pid, self->addr, LEN,
					    self->from));
}

/* The peer's memory is where it was, and has what it had. */
static void untouched(SM_ARGS(permission))
{
	EXPECT_EQ(sm_pages(LEN), sm_on_node(self->peer.pid, self->addr, LEN,
					    self->from));
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
}

static void gone(SM_ARGS(permission))
{
	EXPECT_EQ(0, sm_on_node(self->peer.pid, self->addr, LEN, self->from));
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
}

SM_TEST_F(permission, other_users_process)
{
	start(_metadata, self, BECOME_OTHER);
	EXPECT_EQ(-EPERM, as_user(SM_NOBODY, self->peer.pid,
				  sm_bit(self->from), sm_bit(self->to)));
	untouched(_metadata, self);
}

SM_TEST_F(permission, roots_process)
{
	start(_metadata, self, 0);
	EXPECT_EQ(-EPERM, as_user(SM_NOBODY, self->peer.pid,
				  sm_bit(self->from), sm_bit(self->to)));
	EXPECT_EQ(-EPERM, as_user(SM_NOBODY, 1, sm_bit(self->from),
				  sm_bit(self->to)));
	untouched(_metadata, self);
}

SM_TEST_F(permission, own_process_that_hides)
{
	start(_metadata, self, BECOME_NOBODY);
	ASSERT_EQ(0, sm_peer_ask(&self->peer, BE_SECRET));
	EXPECT_EQ(-EPERM, as_user(SM_NOBODY, self->peer.pid,
				  sm_bit(self->from), sm_bit(self->to)));
	untouched(_metadata, self);
}

SM_TEST_F(permission, own_process)
{
	start(_metadata, self, BECOME_NOBODY);
	EXPECT_LE(0, as_user(SM_NOBODY, self->peer.pid,
			     sm_bit(self->from), sm_bit(self->to)));
	gone(_metadata, self);
}

SM_TEST_F(permission, root_and_any_process)
{
	start(_metadata, self, BECOME_NOBODY);
	EXPECT_LE(0, sm_migrate(self->peer.pid, sm_bit(self->from),
				sm_bit(self->to)));
	gone(_metadata, self);
}

/*
 * A node that the process's cpuset does not have is for CAP_SYS_NICE only. A
 * node that nobody has is never in a cpuset.
 */
SM_TEST_F(permission, foreign_target_node)
{
	unsigned long nobodys = ~sm_all_nodes();

	/* The lowest node there is not: the kernel must know its number. */
	nobodys &= -nobodys;
	start(_metadata, self, BECOME_NOBODY);
	errno = 0;
	if (sm_migrate(self->peer.pid, 0, nobodys | sm_bit(self->to)) < 0 &&
	    errno == EINVAL)
		SKIP(return, "the kernel supports no more nodes than there are");
	EXPECT_EQ(-EPERM, as_user(SM_NOBODY, self->peer.pid, sm_bit(self->from),
				  nobodys | sm_bit(self->to)));
	untouched(_metadata, self);

	/* With the capability what is left of the set is used. */
	EXPECT_LE(0, sm_migrate(self->peer.pid, sm_bit(self->from),
				nobodys | sm_bit(self->to)));
	gone(_metadata, self);
}

/* A process whose memory is shared with its parent, page by page. */
SM_TEST_F(permission, shared_pages_stay_without_the_capability)
{
	long pages = sm_pages(LEN);
	long long failed;

	ASSERT_EQ(0, sm_bind(self->from));
	sm_fill(self->addr, LEN, 2);
	ASSERT_EQ(0, sm_unbind());
	failed = sm_vmstat("swapmig_failed");

	self->other = sm_fork();
	if (!self->other) {
		long ret;

		if (sm_become(SM_NOBODY))
			_exit(2);
		ret = sm_migrate(0, sm_bit(self->from), sm_bit(self->to));
		_exit(ret < 0 || sm_bad(self->addr, LEN, 2));
	}
	ASSERT_LT(0, self->other);
	EXPECT_EQ(0, sm_reap(self->other));
	self->other = 0;
	EXPECT_EQ(pages, sm_on_node(0, self->addr, LEN, self->from));
	/* They are passed over, which is no failure. */
	EXPECT_GT(pages, sm_vmstat("swapmig_failed") - failed);

	/* With the capability they go, from both. */
	self->other = sm_fork();
	if (!self->other) {
		for (;;)
			pause();
	}
	ASSERT_LT(0, self->other);
	EXPECT_LE(0, sm_migrate(self->other, sm_bit(self->from),
				sm_bit(self->to)));
	EXPECT_EQ(0, sm_on_node(0, self->addr, LEN, self->from));
	EXPECT_EQ(0, sm_on_node(self->other, self->addr, LEN, self->from));
	EXPECT_EQ(0, sm_bad(self->addr, LEN, 2));
}

/*
 * To drop the page cache of a file tells when somebody else reads it again.
 * So that takes the right to write to the file. It is dropped only where it
 * cannot be moved: the target is full.
 */
#define CACHE	(8 * MIB)
/* Pages that a full node has room for: what lies between its watermarks. */
#define ROOM	512

struct seen {
	long left;		/* the result of the call */
	long here;		/* pages of the file on the source node */
	long there;		/* ... on the target node */
};

FIXTURE(cache)
{
	int from;
	int to;
	int fd;
	int ro;
	char *view;		/* root's, for mincore(): never touched */
	struct seen *seen;
	pid_t filler;
	pid_t caller;
};

FIXTURE_VARIANT(cache)
{
	uid_t owner;
	mode_t mode;
	bool may_drop;
};

FIXTURE_VARIANT_ADD(cache, of_another)
{
	.owner = 0, .mode = 0644,
};

FIXTURE_VARIANT_ADD(cache, writable)
{
	.owner = 0, .mode = 0666, .may_drop = true,
};

FIXTURE_VARIANT_ADD(cache, of_the_caller)
{
	.owner = SM_NOBODY, .mode = 0444, .may_drop = true,
};

FIXTURE_SETUP(cache)
{
	self->fd = -1;
	self->ro = -1;
	SM_BEGIN(2);
	SM_NEED(sm_lacks_ext4());
	SM_NEED(sm_lacks_traces());
	self->from = sm_node(0);
	self->to = sm_node(1);
	if (sm_meminfo(self->to, "MemTotal") > 4096L * 1024)
		SM_NEED("nodes too large to fill");

	self->seen = sm_share(sizeof(*self->seen));
	ASSERT_TRUE(!!self->seen);
	self->fd = sm_ext4_file();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ftruncate(self->fd, CACHE));
	ASSERT_EQ(0, fchown(self->fd, variant->owner, 0));
	ASSERT_EQ(0, fchmod(self->fd, variant->mode));
	self->ro = sm_reopen(self->fd, O_RDONLY);
	ASSERT_LE(0, self->ro);
	self->view = sm_map_fd(self->fd, CACHE, PROT_READ, MAP_SHARED);
	ASSERT_TRUE(!!self->view);
	/* That drops caches: the file's comes later. */
	self->filler = sm_fill_node(self->to);
	ASSERT_LT(0, self->filler);
}

FIXTURE_TEARDOWN(cache)
{
	sm_kill(self->caller);
	sm_kill(self->filler);
	sm_trace_end();
	if (self->view)
		munmap(self->view, CACHE);
	if (self->ro >= 0)
		close(self->ro);
	if (self->fd >= 0)
		close(self->fd);
	sm_cleanup();
}

/*
 * A caller without rights maps the file, which is cached on the source node. Reclaim
 * can drop what has been moved to the full node, and so make room for more: less so
 * if the file is dirty.
 */
static int call_as_nobody(struct _test_data_cache *self)
{
	struct seen *seen = self->seen;
	char *p;

	if (sm_bind(self->from) || sm_fill_file(self->fd, CACHE, 3) ||
	    sm_unbind())
		return 2;
	p = sm_map_fd(self->ro, CACHE, PROT_READ, MAP_PRIVATE);
	if (!p || sm_become(SM_NOBODY) || sm_bad(p, CACHE, 3))
		return 3;
	if (sm_on_node(0, p, CACHE, self->from) != sm_pages(CACHE))
		return 4;
	seen->left = sm_migrate(0, sm_bit(self->from), sm_bit(self->to));
	/* To read the file now would fill the cache again. */
	seen->here = sm_on_node(0, p, CACHE, self->from);
	seen->there = sm_on_node(0, p, CACHE, self->to);
	return 0;
}

/* How many pages the call evicts: there is no swap, so they are those of the file. */
static long long evicted_by_nobody(SM_ARGS(cache))
{
	long long evicted = sm_vmstat("swapmig_evicted");

	self->caller = sm_fork();
	if (!self->caller)
		_exit(call_as_nobody(self));
	EXPECT_LT(0, self->caller);
	EXPECT_EQ(0, sm_reap(self->caller));
	self->caller = 0;
	return sm_vmstat("swapmig_evicted") - evicted;
}

SM_TEST_F(cache, on_its_way_to_a_full_node)
{
	struct seen *seen = self->seen;
	long long evicted = 0;
	int tries;

	if (variant->may_drop) {
		/* Reclaim may have made room for all of it. */
		for (tries = 0; !evicted && tries < 5; tries++) {
			ASSERT_EQ(0, ftruncate(self->fd, 0));
			ASSERT_EQ(0, ftruncate(self->fd, CACHE));
			evicted = evicted_by_nobody(_metadata, self);
			EXPECT_LE(0, seen->left);
			EXPECT_EQ(0, seen->here);
		}
		EXPECT_LT(0, evicted);
	} else {
		ASSERT_EQ(0, sm_trace("swapmig_end"));
		EXPECT_EQ(0, evicted_by_nobody(_metadata, self));
		EXPECT_LE(seen->here, seen->left);
		EXPECT_LE(seen->here, sm_traced_left(" not_permitted="));
	}
	EXPECT_LE(0, seen->there);
	EXPECT_GE(ROOM, seen->there);
	EXPECT_EQ(0, sm_bad(self->view, CACHE, 3));
}

TEST_HARNESS_MAIN
