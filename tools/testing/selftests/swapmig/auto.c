// SPDX-License-Identifier: GPL-2.0-only
/*
 * The path "auto": memory that a process uses during the sampling window is on the
 * target node right after the call. The rest is in swap, and comes back on that node.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "util.h"

#define LEN	(4 * MIB)
#define HOT_AT	(2 * MIB)
#define SEED	71
#define OTHER	12345		/* a user that is neither root nor nobody */
#define GROUP	"swapmig.auto"

/* A process that is migrated. It rests, or uses some of its memory all the time. */
struct user {
	struct sm_buffer buf;
	struct sm_peer peer;
	char *hot;
	size_t hot_at;
	size_t hot_len;
	char *twin;		/* what its memory is merged with; not its own */
	bool shared;		/* memory that pagemap does not see in swap */
	bool pieces;		/* huge pages are split when they are moved */
};

/*
 * Of the process. We look at it by process_vm_readv(): a page that both had mapped, and
 * one of them used all the time, might be too busy to move.
 */
static struct {
	long turns;
	long stop;
} use;

static long use_vm(pid_t pid, long *theirs, long ours, bool set)
{
	struct iovec there = { .iov_base = theirs, .iov_len = sizeof(*theirs) };
	struct iovec here = { .iov_base = &ours, .iov_len = sizeof(ours) };
	ssize_t n;

	n = set ? process_vm_writev(pid, &here, 1, &there, 1, 0) :
		  process_vm_readv(pid, &here, 1, &there, 1, 0);
	return n == sizeof(ours) ? ours : -1;
}

#define ARGS	struct __test_metadata *_metadata, struct user *u

enum {
	USE_HOT = 100, USE_ALL, USE_HOT_ONCE, TOUCH_HALF, TOUCH_FILE, IN_MEMORY,
	HUGE_KB, MOVES_HUGE, MERGE, FORBID_WRITES, WRITE_PROTECT, FREE_LAZILY,
	LOCK_HOT, MIGRATE, BECOME_NOBODY, RUN_ON = 200,
};

/*
 * Many times in a window. Without a pause, there would hardly be a moment in which a page
 * of shared memory can be moved: see call_in_use().
 */
static long use_all_the_time(void *addr, size_t len)
{
	use.stop = 0;
	while (!__atomic_load_n(&use.stop, __ATOMIC_ACQUIRE)) {
		sm_touch(addr, len);
		__atomic_add_fetch(&use.turns, 1, __ATOMIC_RELEASE);
		usleep(1000);
	}
	return 0;
}

/*
 * Nothing counts as accessed but the hot part. clear_refs does not flush the TLBs, but
 * mprotect() does.
 */
static long use_hot_once(struct user *u)
{
	if (sm_write("/proc/self/clear_refs", "1") ||
	    mprotect(u->buf.addr, u->buf.len, PROT_READ) ||
	    mprotect(u->buf.addr, u->buf.len, PROT_READ | PROT_WRITE))
		return -1;
	sm_touch(u->hot, u->hot_len);
	return 0;
}

/* As long as the process exists, its memory is write-protected. */
static long write_protect(struct user *u)
{
	struct uffdio_api api = {
		.api = UFFD_API, .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP,
	};
	struct uffdio_range range = {
		.start = (uintptr_t)u->buf.addr, .len = u->buf.len,
	};
	struct uffdio_register reg = {
		.range = range, .mode = UFFDIO_REGISTER_MODE_WP,
	};
	struct uffdio_writeprotect protect = {
		.range = range, .mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0 || ioctl(fd, UFFDIO_API, &api) ||
	    ioctl(fd, UFFDIO_REGISTER, &reg))
		return -1;
	return ioctl(fd, UFFDIO_WRITEPROTECT, &protect);
}

static long serve_user(int what, void *arg)
{
	struct user *u = arg;
	char *addr = u->buf.addr;
	size_t len = u->buf.len;

	switch (what) {
	case USE_HOT:
		return use_all_the_time(u->hot, u->hot_len);
	case USE_ALL:
		return use_all_the_time(addr, len);
	case USE_HOT_ONCE:
		return use_hot_once(u);
	case TOUCH_HALF:
		sm_touch(addr, len / 2);
		return 0;
	case TOUCH_FILE:
		sm_touch(addr - len, len);
		return 0;
	case IN_MEMORY:
		return sm_in_memory(addr, len);
	case HUGE_KB:
		return sm_huge(addr);
	case MOVES_HUGE:
		return sm_moves_huge(addr, sm_node(0), sm_node(1));
	case MERGE:
		munmap(u->twin, len);
		return madvise(addr, len, MADV_MERGEABLE);
	case FORBID_WRITES:
		return mprotect(addr, len, PROT_READ);
	case WRITE_PROTECT:
		return write_protect(u);
	case FREE_LAZILY:
		return madvise(addr, len, MADV_FREE);
	case LOCK_HOT:
		return mlock(u->hot, u->hot_len);
	case MIGRATE:
		return sm_migrate(0, sm_from(), sm_to());
	case BECOME_NOBODY:
		return sm_become(SM_NOBODY);
	case RUN_ON:
	case RUN_ON + 1:
		return sm_run_on(sm_node(what - RUN_ON));
	}
	return sm_serve_buffer(what, &u->buf);
}

static void prepare(ARGS)
{
	u->buf.len = LEN;
	u->buf.seed = SEED;
	u->buf.node = sm_node(0);
	u->hot_at = HOT_AT;
	u->hot_len = MIB;
}

/* The process begins, with what is at @addr. */
static void start_with(ARGS, void *addr)
{
	ASSERT_TRUE(!!addr);
	u->buf.addr = addr;
	u->hot = u->buf.addr + u->hot_at;
	ASSERT_EQ(0, sm_peer_start(&u->peer, serve_user, u));
}

static void on_node(ARGS, int node)
{
	ASSERT_EQ(sm_pages(u->buf.len),
		  sm_on_node(u->peer.pid, u->buf.addr, u->buf.len, node));
}

static void start(ARGS, void *addr)
{
	start_with(_metadata, u, addr);
	ASSERT_EQ(0, sm_peer_ask(&u->peer, SM_PEER_FILL));
	on_node(_metadata, u, sm_node(0));
}

static void await_turns(ARGS)
{
	long turns = use_vm(u->peer.pid, &use.turns, 0, false), now;

	/* One that has begun since then. */
	do {
		sched_yield();
		now = use_vm(u->peer.pid, &use.turns, 0, false);
		ASSERT_LE(0, now);
	} while (now < turns + 2);
}

/* @what is USE_HOT or USE_ALL. */
static void begin_use(ARGS, int what)
{
	ASSERT_EQ(0, sm_peer_tell(&u->peer, what));
	await_turns(_metadata, u);
}

static void end_use(ARGS)
{
	/* A huge page that was split is mapped again, in pieces. */
	await_turns(_metadata, u);
	ASSERT_EQ(1, use_vm(u->peer.pid, &use.stop, 1, true));
	ASSERT_EQ(0, sm_peer_hear(&u->peer));
}

/*
 * The time that a process has to use all its hot memory once, and a multiple of it
 * where everything is slow. Any window tells which memory is at rest.
 */
static int wide_window(void)
{
	char ms[16];
	int slow = sm_slow() < 20 ? sm_slow() : 20;

	snprintf(ms, sizeof(ms), "%d", 500 * slow);
	return sm_set(SM_WINDOW, ms);
}

/* The call of a process that rests leaves nothing behind, and the process does not notice. */
static void call(ARGS, int from, int to)
{
	long long evicted = sm_vmstat("swapmig_evicted");
	long long moved = sm_vmstat("swapmig_moved");
	pid_t pid = u->peer.pid;
	long faults = sm_major_faults(pid);
	long before = sm_mapped_on_node(pid, from);

	ASSERT_LE(0, faults);
	EXPECT_EQ(0, sm_migrate(pid, sm_bit(from), sm_bit(to)));
	EXPECT_EQ(faults, sm_major_faults(pid));
	/* Memory in swap may have a frame, too, and a huge page is not mapped as a whole. */
	EXPECT_LE(before, sm_vmstat("swapmig_evicted") - evicted +
			  sm_vmstat("swapmig_moved") - moved);
	EXPECT_EQ(0, sm_mapped_on_node(pid, from));
}

/*
 * If a process uses its memory meanwhile, a page is now and then too busy to move: a page
 * of shared memory that is used just when it is unmapped has a reference too many. The
 * call reports that it has left such a page, and one of the next calls takes it. If it has
 * been evicted after all, it must be read back. So must pages that the process does not use
 * as often as its hot memory. The promise is one page in a hundred.
 */
static void call_in_use(ARGS, int what, int from, int to)
{
	pid_t pid = u->peer.pid;
	long faults, left;
	int tries = 0;

	begin_use(_metadata, u, what);
	faults = sm_major_faults(pid);
	EXPECT_LE(0, faults);
	do {
		left = sm_migrate(pid, sm_bit(from), sm_bit(to));
	} while (left > 0 && ++tries < 10);
	EXPECT_EQ(0, left);
	EXPECT_GE(sm_pages(u->hot_len) / 100, sm_major_faults(pid) - faults);
	end_use(_metadata, u);
	/* It may have allocated more there meanwhile, but not of the buffer. */
	EXPECT_EQ(0, sm_on_node(pid, u->buf.addr, u->buf.len, from));
}

/* What is at @addr is on @node, and no frame has any of the rest. */
static void only(ARGS, void *addr, size_t len, int node)
{
	EXPECT_EQ(sm_pages(len), sm_on_node(u->peer.pid, addr, len, node));
	EXPECT_EQ(sm_pages(len), sm_peer_ask(&u->peer, IN_MEMORY));
	if (!u->shared)
		EXPECT_EQ(sm_pages(u->buf.len - len),
			  sm_swapped(u->peer.pid, u->buf.addr, u->buf.len));
}

/* Used again, all of it is whole and on @node, whichever CPU uses it. */
static void returns(ARGS, int node)
{
	long long hits = sm_vmstat("swapmig_refault_hit");
	long long misses = sm_vmstat("swapmig_refault_miss");
	long absent = sm_pages(u->buf.len) - sm_peer_ask(&u->peer, IN_MEMORY);

	ASSERT_EQ(0, sm_peer_ask(&u->peer, RUN_ON));
	EXPECT_EQ(0, sm_peer_ask(&u->peer, TOUCH_HALF));
	ASSERT_EQ(0, sm_peer_ask(&u->peer, RUN_ON + 1));
	EXPECT_EQ(0, sm_peer_ask(&u->peer, SM_PEER_BAD));
	EXPECT_LE(absent, sm_vmstat("swapmig_refault_hit") - hits);
	EXPECT_EQ(misses, sm_vmstat("swapmig_refault_miss"));
	on_node(_metadata, u, node);
}

enum kind {
	PRIVATE, READ_ONLY, PROTECTED, FORKED, MERGED, HUGE, SHARED, SHARED_HUGE, TMPFS,
};

FIXTURE(kinds)
{
	struct user user;
	int fd;
};

FIXTURE_VARIANT(kinds)
{
	enum kind kind;
	enum sm_dev dev;
};

FIXTURE_VARIANT_ADD(kinds, private)
{
	.kind = PRIVATE, .dev = SM_ZRAM,
};

FIXTURE_VARIANT_ADD(kinds, private_disk)
{
	.kind = PRIVATE, .dev = SM_DISK,
};

FIXTURE_VARIANT_ADD(kinds, read_only)
{
	.kind = READ_ONLY, .dev = SM_ZRAM,
};

FIXTURE_VARIANT_ADD(kinds, write_protected)
{
	.kind = PROTECTED, .dev = SM_ZRAM,
};

FIXTURE_VARIANT_ADD(kinds, forked)
{
	.kind = FORKED, .dev = SM_ZRAM,
};

FIXTURE_VARIANT_ADD(kinds, merged)
{
	.kind = MERGED, .dev = SM_ZRAM,
};

FIXTURE_VARIANT_ADD(kinds, huge)
{
	.kind = HUGE, .dev = SM_ZRAM,
};

FIXTURE_VARIANT_ADD(kinds, shared)
{
	.kind = SHARED, .dev = SM_ZRAM,
};

FIXTURE_VARIANT_ADD(kinds, shared_huge)
{
	.kind = SHARED_HUGE, .dev = SM_ZRAM,
};

FIXTURE_VARIANT_ADD(kinds, tmpfs)
{
	.kind = TMPFS, .dev = SM_ZRAM,
};

FIXTURE_SETUP(kinds)
{
	SM_BEGIN(2);
	SM_NEED(sm_lacks_path(SM_PATH));
	SM_NEED(sm_lacks_cpu(sm_node(0)));
	SM_NEED(sm_lacks_cpu(sm_node(1)));
	SM_SWAP_ON(variant->dev, 64 * MIB);
	ASSERT_EQ(0, sm_prefer("auto"));
	self->fd = -1;
	prepare(_metadata, &self->user);
}

FIXTURE_TEARDOWN(kinds)
{
	sm_peer_end(&self->user.peer);
	if (self->user.buf.addr)
		munmap(self->user.buf.addr, self->user.buf.len);
	if (self->user.twin)
		munmap(self->user.twin, LEN);
	if (self->fd >= 0)
		close(self->fd);
	sm_unbind();
	sm_cleanup();
}

/* Ours, on the first node. */
static char *fill_here(void *addr)
{
	if (!addr || sm_bind(sm_node(0)))
		return NULL;
	sm_fill(addr, LEN, SEED);
	return sm_unbind() ? NULL : addr;
}

static void start_merged(SM_ARGS(kinds))
{
	struct user *u = &self->user;

	SM_NEED(sm_lacks_ksm());
	u->twin = fill_here(sm_map(LEN));
	ASSERT_TRUE(!!u->twin);
	ASSERT_EQ(0, madvise(u->twin, LEN, MADV_MERGEABLE));
	start(_metadata, u, sm_map(LEN));
	ASSERT_EQ(0, sm_peer_ask(&u->peer, MERGE));
	ASSERT_EQ(0, sm_merge(sm_pages(LEN)));
}

static void start_huge(SM_ARGS(kinds), void *addr)
{
	struct user *u = &self->user;

	SM_NEED(addr ? NULL : "no transparent huge pages");
	u->hot_len = SM_HUGE;
	start(_metadata, u, addr);
	if (sm_peer_ask(&u->peer, HUGE_KB) != (long)LEN / 1024)
		SM_NEED("no huge pages to be had");
	u->pieces = !sm_peer_ask(&u->peer, MOVES_HUGE);
}

static void start_shared(SM_ARGS(kinds), int fd)
{
	self->user.shared = true;
	start(_metadata, &self->user, sm_map_shared(fd, LEN, false));
}

static void start_kind(SM_ARGS(kinds), enum kind kind)
{
	struct user *u = &self->user;

	switch (kind) {
	case PRIVATE:
		start(_metadata, u, sm_map(LEN));
		break;
	case READ_ONLY:
		start(_metadata, u, sm_map(LEN));
		ASSERT_EQ(0, sm_peer_ask(&u->peer, FORBID_WRITES));
		break;
	case PROTECTED:
		start(_metadata, u, sm_map(LEN));
		if (sm_peer_ask(&u->peer, WRITE_PROTECT))
			SM_NEED("userfaultfd cannot write-protect");
		break;
	case FORKED:
		start_with(_metadata, u, fill_here(sm_map(LEN)));
		break;
	case MERGED:
		start_merged(_metadata, self);
		break;
	case HUGE:
		start_huge(_metadata, self, sm_map_huge(LEN));
		break;
	case SHARED:
		start_shared(_metadata, self, -1);
		break;
	case SHARED_HUGE:
		SM_NEED(sm_lacks_path(SM_HUGE_SHMEM));
		ASSERT_EQ(0, sm_set(SM_HUGE_SHMEM, "always"));
		u->shared = true;
		start_huge(_metadata, self, sm_map_shared(-1, LEN, true));
		break;
	case TMPFS:
		self->fd = sm_tmpfs_file("never");
		ASSERT_LE(0, self->fd);
		ASSERT_EQ(0, ftruncate(self->fd, LEN));
		start_shared(_metadata, self, self->fd);
		break;
	}
	on_node(_metadata, u, sm_node(0));
}

SM_TEST_F(kinds, hot_and_cold)
{
	int first = sm_node(0), second = sm_node(1);
	struct user *u = &self->user;

	start_kind(_metadata, self, variant->kind);
	/* A part of it is hot, ... */
	ASSERT_EQ(0, wide_window());
	call_in_use(_metadata, u, USE_HOT, first, second);
	only(_metadata, u, u->hot, u->hot_len, second);
	if (u->hot_len == SM_HUGE && !u->pieces)
		EXPECT_EQ((long)SM_HUGE / 1024, sm_peer_ask(&u->peer, HUGE_KB));
	returns(_metadata, u, second);

	/* ... nothing of it, though all of it has just been used, ... */
	ASSERT_EQ(0, sm_set(SM_WINDOW, "50"));
	call(_metadata, u, second, first);
	only(_metadata, u, u->hot, 0, first);
	returns(_metadata, u, first);

	/* ... or all of it. */
	ASSERT_EQ(0, wide_window());
	call_in_use(_metadata, u, USE_ALL, first, second);
	only(_metadata, u, u->buf.addr, LEN, second);
	EXPECT_EQ(0, sm_peer_ask(&u->peer, SM_PEER_BAD));
	if (u->twin)
		EXPECT_EQ(0, sm_bad(u->twin, LEN, SEED));
	if (variant->kind == FORKED)
		EXPECT_EQ(0, sm_bad(u->buf.addr, LEN, SEED));
}

FIXTURE(calls)
{
	struct user user;
	char *file;
	pid_t filler;
	pid_t caller;
	int root;
	int fd;
};

FIXTURE_SETUP(calls)
{
	SM_BEGIN(2);
	SM_NEED(sm_lacks_path(SM_PATH));
	SM_NEED(sm_lacks_cpu(sm_node(0)));
	SM_NEED(sm_lacks_cpu(sm_node(1)));
	SM_SWAP_ON(SM_ZRAM, 64 * MIB);
	ASSERT_EQ(0, sm_prefer("auto"));
	self->root = -1;
	self->fd = -1;
	prepare(_metadata, &self->user);
}

FIXTURE_TEARDOWN(calls)
{
	sm_kill(self->caller);
	sm_peer_end(&self->user.peer);
	sm_kill(self->filler);
	if (self->user.buf.addr)
		munmap(self->user.buf.addr, self->user.buf.len);
	if (self->file)
		munmap(self->file, LEN);
	if (self->fd >= 0)
		close(self->fd);
	if (self->root >= 0) {
		unlinkat(self->root, GROUP, AT_REMOVEDIR);
		sm_write_at(self->root, "cgroup.subtree_control", "-memory");
		sm_write_at(self->root, "cgroup.subtree_control", "-cpuset");
		close(self->root);
	}
	sm_trace_end();
	sm_unbind();
	sm_cleanup();
}

/* There is no window for oneself: it would only show that the caller waits. */
SM_TEST_F(calls, oneself)
{
	pid_t self_pid[] = { 0, getpid() };
	struct user *u = &self->user;

	ASSERT_EQ(0, sm_set(SM_WINDOW, "10000"));
	u->buf.addr = sm_map(LEN);
	for (int i = 0; i < 2; i++) {
		ASSERT_TRUE(!!fill_here(u->buf.addr));
		EXPECT_EQ(0, sm_migrate(self_pid[i], sm_from(), sm_to()));
		EXPECT_EQ(sm_pages(LEN),
			  sm_on_node(0, u->buf.addr, LEN, sm_node(1)));
		EXPECT_EQ(0, sm_bad(u->buf.addr, LEN, SEED));
		ASSERT_EQ(0, madvise(u->buf.addr, LEN, MADV_DONTNEED));
	}
}

SM_TEST_F(calls, oneself_in_part)
{
	struct user *u = &self->user;

	ASSERT_EQ(0, sm_set(SM_WINDOW, "10000"));
	start(_metadata, u, sm_map(LEN));
	ASSERT_EQ(0, sm_peer_ask(&u->peer, USE_HOT_ONCE));
	EXPECT_EQ(0, sm_peer_ask(&u->peer, MIGRATE));
	only(_metadata, u, u->hot, u->hot_len, sm_node(1));
	returns(_metadata, u, sm_node(1));
}

/* Without a window, what has been used long ago is hot, until somebody has looked. */
SM_TEST_F(calls, no_window)
{
	struct user *u = &self->user;

	ASSERT_EQ(0, sm_set(SM_WINDOW, "0"));
	start(_metadata, u, sm_map(LEN));
	call(_metadata, u, sm_node(0), sm_node(1));
	only(_metadata, u, u->buf.addr, LEN, sm_node(1));
	ASSERT_EQ(0, sm_peer_ask(&u->peer, USE_HOT_ONCE));
	call(_metadata, u, sm_node(1), sm_node(0));
	only(_metadata, u, u->hot, u->hot_len, sm_node(0));
	returns(_metadata, u, sm_node(0));
}

/* Of pages that are not migrated it remains known that they have been used. */
SM_TEST_F(calls, other_nodes)
{
	struct user *u = &self->user;

	SM_NEED(sm_lacks_nodes(3));
	start(_metadata, u, sm_map(LEN));
	EXPECT_EQ(0, sm_migrate(u->peer.pid, sm_to(), sm_bit(sm_node(2))));
	on_node(_metadata, u, sm_node(0));
	ASSERT_EQ(0, sm_set(SM_WINDOW, "0"));
	call(_metadata, u, sm_node(0), sm_node(1));
	only(_metadata, u, u->buf.addr, LEN, sm_node(1));
}

/* Two source nodes have one window, and each of them its own target. */
SM_TEST_F(calls, two_by_two)
{
	unsigned long from = sm_from() | sm_to();
	unsigned long to = sm_bit(sm_node(2)) | sm_bit(sm_node(3));
	struct user *u = &self->user;
	size_t half = LEN / 2;
	char *addr = sm_map(LEN);
	pid_t pid;

	SM_NEED(sm_lacks_nodes(4));
	SM_NEED(sm_lacks_traces());
	ASSERT_TRUE(!!addr);
	ASSERT_EQ(0, sm_mbind(addr + half, half, MPOL_BIND, sm_to()));
	u->hot_at = half - u->hot_len / 2;
	start_with(_metadata, u, addr);
	pid = u->peer.pid;
	ASSERT_EQ(0, sm_peer_ask(&u->peer, SM_PEER_FILL));
	ASSERT_EQ(sm_pages(half), sm_on_node(pid, addr, half, sm_node(0)));
	ASSERT_EQ(sm_pages(half), sm_on_node(pid, addr + half, half, sm_node(1)));

	ASSERT_EQ(0, wide_window());
	sm_trace_end();
	ASSERT_EQ(0, sm_trace("swapmig_sample"));
	begin_use(_metadata, u, USE_HOT);
	EXPECT_EQ(0, sm_migrate(pid, from, to));
	end_use(_metadata, u);
	EXPECT_EQ(1, sm_traced("swapmig_sample:"));
	EXPECT_EQ(sm_pages(LEN - u->hot_len), sm_swapped(pid, addr, LEN));
	EXPECT_EQ(0, sm_peer_ask(&u->peer, SM_PEER_BAD));
	EXPECT_EQ(sm_pages(half), sm_on_node(pid, addr, half, sm_node(2)));
	EXPECT_EQ(sm_pages(half), sm_on_node(pid, addr + half, half, sm_node(3)));
}

/*
 * As many windows as are longer than the test may take, if they do not end early.
 */
#define WINDOW_MS	"10000"
#define WINDOWS		(SM_TIMEOUT / 10 + 1)

/*
 * A caller whose window is open. Its call leaves nothing behind, and returns 0. There would
 * be no window for a process that has used nothing since the last one.
 */
static void open_window(SM_ARGS(calls), int from, int to)
{
	struct user *u = &self->user;

	ASSERT_EQ(0, sm_peer_ask(&u->peer, SM_PEER_TOUCH));
	sm_trace_end();
	ASSERT_EQ(0, sm_trace("swapmig_sample"));
	self->caller = sm_fork();
	if (!self->caller)
		_exit(sm_migrate(u->peer.pid, sm_bit(from), sm_bit(to)) ? 1 : 0);
	ASSERT_LT(0, self->caller);
	while (!sm_traced("swapmig_sample:"))
		ASSERT_EQ(0, waitpid(self->caller, NULL, WNOHANG));
}

static void kill_caller(SM_ARGS(calls))
{
	sm_kill(self->caller);
	self->caller = 0;
}

SM_TEST_F(calls, killed_caller)
{
	long long evicted = sm_vmstat("swapmig_evicted");
	long long moved = sm_vmstat("swapmig_moved");
	struct user *u = &self->user;

	SM_NEED(sm_lacks_traces());
	ASSERT_EQ(0, sm_set(SM_WINDOW, WINDOW_MS));
	start(_metadata, u, sm_map(LEN));
	for (int i = 0; i < WINDOWS * sm_slow(); i++) {
		open_window(_metadata, self, sm_node(0), sm_node(1));
		kill_caller(_metadata, self);
	}
	on_node(_metadata, u, sm_node(0));
	EXPECT_EQ(evicted, sm_vmstat("swapmig_evicted"));
	EXPECT_EQ(moved, sm_vmstat("swapmig_moved"));

	/* The next caller is not killed. */
	ASSERT_EQ(0, sm_set(SM_WINDOW, "200"));
	call(_metadata, u, sm_node(0), sm_node(1));
	only(_metadata, u, u->hot, 0, sm_node(1));
	returns(_metadata, u, sm_node(1));
}

/* Nobody is left to wait for. */
SM_TEST_F(calls, process_exits)
{
	struct user *u = &self->user;
	char *addr = sm_map(LEN);

	SM_NEED(sm_lacks_traces());
	ASSERT_EQ(0, sm_set(SM_WINDOW, WINDOW_MS));
	u->buf.len = 16 * sm_page;
	for (int i = 0; i < WINDOWS * sm_slow(); i++) {
		start(_metadata, u, addr);
		open_window(_metadata, self, sm_node(0), sm_node(1));
		sm_peer_end(&u->peer);
		EXPECT_EQ(0, sm_reap(self->caller));
		self->caller = 0;
	}
}

/* That a process has used nothing is known without a window. */
SM_TEST_F(calls, nothing_used)
{
	struct user *u = &self->user;
	int from, to;

	SM_NEED(sm_lacks_traces());
	ASSERT_EQ(0, sm_set(SM_WINDOW, WINDOW_MS));
	u->buf.len = 16 * sm_page;
	start(_metadata, u, sm_map(LEN));
	for (int i = 0; i < WINDOWS * sm_slow(); i++) {
		from = sm_node(i % 2);
		to = sm_node(1 - i % 2);
		on_node(_metadata, u, from);
		open_window(_metadata, self, from, to);
		kill_caller(_metadata, self);
		call(_metadata, u, from, to);
		EXPECT_EQ(sm_pages(u->buf.len),
			  sm_swapped(u->peer.pid, u->buf.addr, u->buf.len));
		EXPECT_EQ(0, sm_peer_ask(&u->peer, SM_PEER_BAD));
	}
}

/* As on the other paths: what is not to be evicted moves, hot or not. */
SM_TEST_F(calls, locked_in_part)
{
	struct user *u = &self->user;

	start(_metadata, u, sm_map(LEN));
	ASSERT_EQ(0, sm_peer_ask(&u->peer, LOCK_HOT));
	call(_metadata, u, sm_node(0), sm_node(1));
	only(_metadata, u, u->hot, u->hot_len, sm_node(1));
	returns(_metadata, u, sm_node(1));
}

static void *map_file(SM_ARGS(calls), void *addr)
{
	self->fd = sm_ext4_file();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, sm_bind(sm_node(0)));
	ASSERT_EQ(0, sm_fill_file(self->fd, LEN, SEED));
	ASSERT_EQ(0, sm_unbind());
	ASSERT_EQ(0, fsync(self->fd));
	return mmap(addr, LEN, PROT_READ, MAP_SHARED | (addr ? MAP_FIXED : 0),
		    self->fd, 0);
}

SM_TEST_F(calls, file)
{
	struct user *u = &self->user;

	SM_NEED(sm_lacks_ext4());
	start_with(_metadata, u, map_file(_metadata, self, NULL));
	ASSERT_EQ(0, sm_peer_ask(&u->peer, SM_PEER_BAD));
	on_node(_metadata, u, sm_node(0));
	call(_metadata, u, sm_node(0), sm_node(1));
	on_node(_metadata, u, sm_node(1));
	EXPECT_EQ(0, sm_peer_ask(&u->peer, SM_PEER_BAD));
}

/* Nobody wants it: it is dropped, and not written to swap. */
SM_TEST_F(calls, freed_lazily)
{
	struct user *u = &self->user;

	start(_metadata, u, sm_map(LEN));
	ASSERT_EQ(0, sm_peer_ask(&u->peer, FREE_LAZILY));
	call(_metadata, u, sm_node(0), sm_node(1));
	EXPECT_EQ(0, sm_peer_ask(&u->peer, IN_MEMORY));
	/* But for what a CPU has not sent on yet. */
	EXPECT_GT(16, sm_swapped(u->peer.pid, u->buf.addr, LEN));
}

/* What a line of the trace says of @name. */
static long field(const char *line, const char *name)
{
	const char *p = strstr(line, name);

	return p ? atol(p + strlen(name)) : -1;
}

/* The first report of a call that has moved @pages: how many it has moved, if only that. */
static long moved_first(long pages)
{
	FILE *f = fopen(SM_TRACE "/trace", "r");
	char line[1024];
	long moved = -1;

	if (!f)
		return -1;
	while (moved < pages && fgets(line, sizeof(line), f)) {
		if (field(line, " evicted=") > 0)
			break;
		moved = field(line, " moved=");
	}
	fclose(f);
	return moved;
}

/*
 * So it has the room on the target, and is missed least. Of what also moves, a file comes
 * first in the address space.
 */
SM_TEST_F(calls, hot_goes_first)
{
	struct user *u = &self->user;
	char *addr, *file;
	long moved;

	SM_NEED(sm_lacks_ext4());
	SM_NEED(sm_lacks_traces());
	file = sm_map_fd(-1, 2 * LEN, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS);
	ASSERT_TRUE(!!file);
	self->file = file;
	ASSERT_EQ(file, map_file(_metadata, self, file));
	addr = sm_map(LEN);
	ASSERT_TRUE(!!addr);
	addr = mremap(addr, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, file + LEN);
	ASSERT_EQ(file + LEN, addr);
	start(_metadata, u, addr);
	ASSERT_EQ(0, sm_peer_ask(&u->peer, TOUCH_FILE));
	ASSERT_EQ(0, sm_peer_ask(&u->peer, USE_HOT_ONCE));

	ASSERT_EQ(0, sm_set(SM_WINDOW, "0"));
	sm_trace_end();
	ASSERT_EQ(0, sm_trace("swapmig_progress"));
	call(_metadata, u, sm_node(0), sm_node(1));
	moved = moved_first(sm_pages(u->hot_len));
	EXPECT_LE(sm_pages(u->hot_len), moved);
	/* Its stack and the like are hot, too. */
	EXPECT_GT(sm_pages(u->hot_len) + 128, moved);
	only(_metadata, u, u->hot, u->hot_len, sm_node(1));
	EXPECT_EQ(sm_pages(LEN), sm_on_node(u->peer.pid, file, LEN, sm_node(1)));
	EXPECT_EQ(0, sm_peer_ask(&u->peer, SM_PEER_BAD));
	EXPECT_EQ(0, sm_bad(file, LEN, SEED));
}

/* Hot pages that have no room there go to swap. */
SM_TEST_F(calls, no_room)
{
	struct user *u = &self->user;
	pid_t pid;

	ASSERT_EQ(0, sm_set(SM_WINDOW, "0"));
	u->buf.len = 16 * MIB;
	start(_metadata, u, sm_map(u->buf.len));
	pid = u->peer.pid;
	if (sm_meminfo(sm_node(1), "MemTotal") > 4096L * 1024)
		SM_NEED("nodes too large to fill");
	self->filler = sm_fill_node(sm_node(1));
	ASSERT_LT(0, self->filler);
	EXPECT_EQ(0, sm_migrate(pid, sm_from(), sm_to()));
	EXPECT_EQ(0, sm_on_node(pid, u->buf.addr, u->buf.len, sm_node(0)));
	EXPECT_LT(0, sm_swapped(pid, u->buf.addr, u->buf.len));
	EXPECT_EQ(0, sm_peer_ask(&u->peer, SM_PEER_BAD));
}

/* What swap has no room for is moved, hot or not. */
SM_TEST_F(calls, no_swap)
{
	struct user *u = &self->user;

	ASSERT_EQ(0, sm_swap_off());
	start(_metadata, u, sm_map(LEN));
	call(_metadata, u, sm_node(0), sm_node(1));
	only(_metadata, u, u->buf.addr, LEN, sm_node(1));
	EXPECT_EQ(0, sm_peer_ask(&u->peer, SM_PEER_BAD));
}

SM_TEST_F(calls, little_swap)
{
	struct user *u = &self->user;
	long swapped;

	ASSERT_EQ(0, sm_swap_off());
	ASSERT_EQ(0, sm_swap_on(SM_ZRAM, LEN / 4));
	start(_metadata, u, sm_map(LEN));
	call(_metadata, u, sm_node(0), sm_node(1));
	swapped = sm_swapped(u->peer.pid, u->buf.addr, LEN);
	/* CPUs keep some slots for themselves. */
	EXPECT_LE(sm_pages(LEN / 8), swapped);
	EXPECT_GE(sm_pages(LEN / 4), swapped);
	returns(_metadata, u, sm_node(1));
}

static int set_mems(SM_ARGS(calls), int node)
{
	char mems[16];

	snprintf(mems, sizeof(mems), "%d", node);
	return sm_write_at(self->root, GROUP "/cpuset.mems", mems);
}

/* Charges do not follow a process, so it is in its group before it has memory. */
static void start_in_group(SM_ARGS(calls), const char *controller, void *addr)
{
	struct user *u = &self->user;
	int version;

	self->root = sm_cgroup(controller, &version);
	if (self->root < 0 || version != 2)
		SM_NEED("the controller is not to be had in cgroup v2");
	unlinkat(self->root, GROUP, AT_REMOVEDIR);
	ASSERT_EQ(0, mkdirat(self->root, GROUP, 0755));
	if (!strcmp(controller, "cpuset"))
		ASSERT_EQ(0, set_mems(_metadata, self, sm_node(0)));
	start_with(_metadata, u, addr);
	ASSERT_EQ(0, sm_cgroup_attach(self->root, GROUP, u->peer.pid));
}

SM_TEST_F(calls, group_without_swap)
{
	struct user *u = &self->user;

	start_in_group(_metadata, self, "memory", sm_map(LEN));
	ASSERT_EQ(0, sm_write_at(self->root, GROUP "/memory.swap.max", "0"));
	ASSERT_EQ(0, sm_peer_ask(&u->peer, SM_PEER_FILL));
	call(_metadata, u, sm_node(0), sm_node(1));
	only(_metadata, u, u->buf.addr, LEN, sm_node(1));
	EXPECT_EQ(0, sm_peer_ask(&u->peer, SM_PEER_BAD));
}

SM_TEST_F(calls, cpuset)
{
	struct user *u = &self->user;

	start_in_group(_metadata, self, "cpuset", sm_map(LEN));
	ASSERT_EQ(0, sm_peer_ask(&u->peer, SM_PEER_FILL));
	ASSERT_EQ(0, wide_window());
	begin_use(_metadata, u, USE_HOT);
	EXPECT_EQ(0, set_mems(_metadata, self, sm_node(1)));
	end_use(_metadata, u);
	only(_metadata, u, u->hot, u->hot_len, sm_node(1));
	returns(_metadata, u, sm_node(1));
}

/* Those who may change a cpuset, but not slow down who is in it. */
SM_TEST_F(calls, cpuset_of_others)
{
	struct user *u = &self->user;

	start_in_group(_metadata, self, "cpuset", sm_map(LEN));
	ASSERT_EQ(0, fchownat(self->root, GROUP "/cpuset.mems", OTHER, -1, 0));
	ASSERT_EQ(0, sm_peer_ask(&u->peer, BECOME_NOBODY));
	ASSERT_EQ(0, sm_peer_ask(&u->peer, SM_PEER_FILL));
	self->caller = sm_fork();
	if (!self->caller)
		_exit(sm_become(OTHER) || set_mems(_metadata, self, sm_node(1)) ? 1 : 0);
	EXPECT_EQ(0, sm_reap(self->caller));
	self->caller = 0;
	only(_metadata, u, u->buf.addr, LEN, sm_node(1));
	EXPECT_EQ(0, sm_peer_ask(&u->peer, SM_PEER_BAD));
}

/* A user has rights enough over another process of theirs. */
SM_TEST_F(calls, users_process)
{
	struct user *u = &self->user;

	start_with(_metadata, u, sm_map(LEN));
	ASSERT_EQ(0, sm_peer_ask(&u->peer, BECOME_NOBODY));
	ASSERT_EQ(0, sm_peer_ask(&u->peer, SM_PEER_FILL));
	ASSERT_EQ(0, wide_window());
	begin_use(_metadata, u, USE_HOT);
	self->caller = sm_fork();
	if (!self->caller)
		_exit(sm_become(SM_NOBODY) ||
		      sm_migrate(u->peer.pid, sm_from(), sm_to()) < 0);
	EXPECT_EQ(0, sm_reap(self->caller));
	self->caller = 0;
	end_use(_metadata, u);
	only(_metadata, u, u->hot, u->hot_len, sm_node(1));
	returns(_metadata, u, sm_node(1));
}

TEST_HARNESS_MAIN
