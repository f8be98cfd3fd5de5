// SPDX-License-Identifier: GPL-2.0-only
/*
 * A refault node belongs to one use of a swap slot: it lasts as long as the page in
 * the slot, and the next user of the slot does not inherit it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "util.h"

#define LEN	(4 * MIB)
#define SEED	37
#define ROOM	(2 * MIB)	/* for what else is evicted */
#define GROUP	"swapmig.slots"

FIXTURE(slots)
{
	struct sm_buffer buf;
	struct sm_peer peer;
	int fd;
};

FIXTURE_VARIANT(slots)
{
	enum sm_dev dev;
};

FIXTURE_VARIANT_ADD(slots, zram)
{
	.dev = SM_ZRAM,
};

FIXTURE_VARIANT_ADD(slots, disk)
{
	.dev = SM_DISK,
};

/* Local memory is that of the source node, so no hint is needed to come back. */
FIXTURE_SETUP(slots)
{
	SM_BEGIN(2);
	SM_NEED(sm_lacks_path(SM_PATH));
	SM_NEED(sm_lacks_cpu(sm_node(0)));
	self->fd = -1;
	/* Room for one buffer: the next one finds its slots used before. */
	SM_SWAP_ON(variant->dev, LEN + ROOM);
	ASSERT_EQ(0, sm_prefer("swap"));
	ASSERT_EQ(0, sm_run_on(sm_node(0)));
	self->buf.len = LEN;
	self->buf.seed = SEED;
	self->buf.node = sm_node(0);
}

FIXTURE_TEARDOWN(slots)
{
	sm_peer_end(&self->peer);
	if (self->buf.addr)
		munmap(self->buf.addr, LEN);
	if (self->fd >= 0)
		close(self->fd);
	sm_cleanup();
}

static void fill(SM_ARGS(slots))
{
	ASSERT_TRUE(!!self->buf.addr);
	ASSERT_EQ(0, sm_serve_buffer(SM_PEER_FILL, &self->buf));
	ASSERT_EQ(sm_pages(LEN),
		  sm_on_node(0, self->buf.addr, LEN, sm_node(0)));
}

/* All of the buffer is in swap now, with the target as its refault node. */
static void evict(SM_ARGS(slots))
{
	ASSERT_EQ(0, sm_migrate(0, sm_from(), sm_to()));
	ASSERT_EQ(0, sm_in_memory(self->buf.addr, LEN));
}

static void fill_and_evict(SM_ARGS(slots), void *addr)
{
	self->buf.addr = addr;
	fill(_metadata, self);
	evict(_metadata, self);
}

/* The buffer comes back on @node, whole. */
static void comes_back_on(SM_ARGS(slots), int node)
{
	EXPECT_EQ(0, sm_bad(self->buf.addr, LEN, SEED));
	EXPECT_EQ(sm_pages(LEN), sm_on_node(0, self->buf.addr, LEN, node));
}

/*
 * A process that nobody has migrated: out in the ordinary way and in again by
 * the ordinary policy. Twice, as slots wait on CPUs before they are used again.
 */
#define NOT_SWAPPED	1

static int stranger(void)
{
	char *addr = sm_map(LEN);
	int round;

	for (round = 1; round <= 2; round++) {
		sm_fill(addr, LEN, SEED + round);
		if (sm_on_node(0, addr, LEN, sm_node(0)) != sm_pages(LEN))
			return 10 * round;
		if (sm_swap_out(addr, LEN))
			return NOT_SWAPPED;
		if (sm_bad(addr, LEN, SEED + round))
			return 10 * round + 2;
		if (sm_on_node(0, addr, LEN, sm_node(0)) != sm_pages(LEN))
			return 10 * round + 3;
	}
	return 0;
}

static void nothing_inherited(SM_ARGS(slots))
{
	pid_t pid = sm_fork();
	int status;

	if (!pid)
		_exit(stranger());
	status = sm_reap(pid);
	ASSERT_TRUE(WIFEXITED(status));
	if (WEXITSTATUS(status) == NOT_SWAPPED)
		SKIP(return, "reclaim spares the stranger's pages");
	EXPECT_EQ(0, WEXITSTATUS(status));
}

SM_TEST_F(slots, reused_after_exit)
{
	self->buf.addr = sm_map(LEN);
	ASSERT_TRUE(!!self->buf.addr);
	ASSERT_EQ(0, sm_peer_start(&self->peer, sm_serve_buffer, &self->buf));
	ASSERT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_FILL));
	ASSERT_EQ(0, sm_migrate(self->peer.pid, sm_from(), sm_to()));
	ASSERT_EQ(sm_pages(LEN),
		  sm_swapped(self->peer.pid, self->buf.addr, LEN));
	sm_peer_end(&self->peer);
	nothing_inherited(_metadata, self);
}

SM_TEST_F(slots, reused_after_munmap)
{
	fill_and_evict(_metadata, self, sm_map(LEN));
	ASSERT_EQ(0, munmap(self->buf.addr, LEN));
	self->buf.addr = NULL;
	nothing_inherited(_metadata, self);
}

/* A huge page has 512 slots at once. */
SM_TEST_F(slots, reused_after_huge)
{
	self->buf.addr = sm_map_huge(LEN);
	if (!self->buf.addr)
		SKIP(return, "no transparent huge pages");
	fill(_metadata, self);
	SM_NEED(sm_lacks_huge_at(self->buf.addr, LEN));
	evict(_metadata, self);
	ASSERT_EQ(0, madvise(self->buf.addr, LEN, MADV_DONTNEED));
	nothing_inherited(_metadata, self);
}

SM_TEST_F(slots, reused_after_truncate)
{
	self->fd = sm_tmpfs_file("never");
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ftruncate(self->fd, LEN));
	fill_and_evict(_metadata, self,
		       sm_map_fd(self->fd, LEN, PROT_READ | PROT_WRITE,
				 MAP_SHARED));
	ASSERT_EQ(0, ftruncate(self->fd, 0));
	nothing_inherited(_metadata, self);
}

/*
 * Back, and written, so that its copy in swap is stale: the same memory is
 * ordinary memory the next time.
 */
SM_TEST_F(slots, reused_by_the_same)
{
	fill_and_evict(_metadata, self, sm_map(LEN));
	comes_back_on(_metadata, self, sm_node(1));
	ASSERT_EQ(0, munmap(self->buf.addr, LEN));
	self->buf.addr = sm_map(LEN);
	fill(_metadata, self);
	ASSERT_EQ(0, sm_swap_out(self->buf.addr, LEN));
	comes_back_on(_metadata, self, sm_node(0));
	/* Clean pages keep their slots, and the stranger needs room. */
	ASSERT_EQ(0, munmap(self->buf.addr, LEN));
	self->buf.addr = NULL;
	nothing_inherited(_metadata, self);
}

/* Hints survive what ordinary reclaim does to other memory. */
SM_TEST_F(slots, kept_among_others)
{
	char *other = sm_map(ROOM / 2);

	ASSERT_TRUE(!!other);
	fill_and_evict(_metadata, self, sm_map(LEN));
	sm_fill(other, ROOM / 2, SEED + 9);
	ASSERT_EQ(0, sm_swap_out(other, ROOM / 2));
	EXPECT_EQ(0, sm_bad(other, ROOM / 2, SEED + 9));
	EXPECT_EQ(sm_pages(ROOM / 2),
		  sm_on_node(0, other, ROOM / 2, sm_node(0)));
	comes_back_on(_metadata, self, sm_node(1));
	munmap(other, ROOM / 2);
}

/* swapoff brings memory back to the same node as a touch does. */
SM_TEST_F(slots, swapoff)
{
	long pages = sm_pages(LEN);

	fill_and_evict(_metadata, self, sm_map(LEN));
	ASSERT_EQ(0, sm_swap_off());
	EXPECT_EQ(pages, sm_on_node(0, self->buf.addr, LEN, sm_node(1)));
	comes_back_on(_metadata, self, sm_node(1));

	/* The same slots, of another life of the device. */
	ASSERT_EQ(0, munmap(self->buf.addr, LEN));
	self->buf.addr = NULL;
	ASSERT_EQ(0, sm_swap_on(variant->dev, LEN + ROOM));
	nothing_inherited(_metadata, self);
}

SM_TEST_F(slots, swapoff_shared)
{
	fill_and_evict(_metadata, self,
		       sm_map_fd(-1, LEN, PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS));
	ASSERT_EQ(0, sm_swap_off());
	EXPECT_EQ(sm_pages(LEN), sm_in_memory(self->buf.addr, LEN));
	comes_back_on(_metadata, self, sm_node(1));
	ASSERT_EQ(0, sm_swap_on(variant->dev, LEN + ROOM));
	nothing_inherited(_metadata, self);
}

/* Slots with the same number on different devices. */
SM_TEST_F(slots, two_devices)
{
	SM_NEED(sm_lacks_swap(SM_ZRAM));
	SM_NEED(sm_lacks_swap(SM_DISK));
	ASSERT_EQ(0, sm_swap_off());
	/* Neither has room for all. */
	ASSERT_EQ(0, sm_swap_on(variant->dev, LEN / 2));
	ASSERT_EQ(0, sm_swap_on(variant->dev == SM_ZRAM ? SM_DISK : SM_ZRAM,
				LEN / 2 + ROOM));
	fill_and_evict(_metadata, self, sm_map(LEN));
	ASSERT_EQ(sm_pages(LEN), sm_swapped(0, self->buf.addr, LEN));
	comes_back_on(_metadata, self, sm_node(1));
	ASSERT_EQ(0, munmap(self->buf.addr, LEN));
	self->buf.addr = NULL;
	nothing_inherited(_metadata, self);
}

/* Parent and child share the slots, and each touches every other page first. */
SM_TEST_F(slots, shared_since_fork)
{
	long pages = sm_pages(LEN), i;
	int status;
	pid_t pid;

	fill_and_evict(_metadata, self, sm_map(LEN));
	pid = sm_fork();
	if (!pid) {
		for (i = 1; i < pages; i += 2)
			sm_touch(self->buf.addr + i * sm_page, sm_page);
		if (sm_bad(self->buf.addr, LEN, SEED))
			_exit(1);
		_exit(sm_on_node(0, self->buf.addr, LEN, sm_node(1)) !=
		      pages);
	}
	for (i = 0; i < pages; i += 2)
		sm_touch(self->buf.addr + i * sm_page, sm_page);
	comes_back_on(_metadata, self, sm_node(1));
	status = sm_reap(pid);
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
	ASSERT_EQ(0, munmap(self->buf.addr, LEN));
	self->buf.addr = NULL;
	nothing_inherited(_metadata, self);
}

/* A memory cgroup with a limit for swap: what may not go there is moved. */
FIXTURE(limited)
{
	struct sm_buffer buf;
	struct sm_peer peer;
	int version;
	int root;
};

FIXTURE_VARIANT(limited)
{
	size_t swap;		/* bytes allowed */
	bool shared;
};

FIXTURE_VARIANT_ADD(limited, no_swap)
{
	.swap = 0, .shared = false,
};

FIXTURE_VARIANT_ADD(limited, no_swap_shared)
{
	.swap = 0, .shared = true,
};

FIXTURE_VARIANT_ADD(limited, little_swap)
{
	.swap = LEN / 2, .shared = false,
};

FIXTURE_SETUP(limited)
{
	char bytes[32];

	SM_BEGIN(2);
	SM_NEED(sm_lacks_path(SM_PATH));
	SM_NEED(sm_lacks_swap(SM_ZRAM));
	self->root = sm_cgroup("memory", &self->version);
	if (self->root < 0)
		SM_NEED("the memory controller is not to be had");
	/* Version 1 can limit memory and swap together only. */
	if (self->version != 2)
		SM_NEED("memory.swap.max needs cgroup v2");
	unlinkat(self->root, GROUP, AT_REMOVEDIR);
	ASSERT_EQ(0, mkdirat(self->root, GROUP, 0755));
	snprintf(bytes, sizeof(bytes), "%zu", variant->swap);
	ASSERT_EQ(0, sm_write_at(self->root, GROUP "/memory.swap.max", bytes));
	ASSERT_EQ(0, sm_prefer("swap"));
	ASSERT_EQ(0, sm_swap_on(SM_ZRAM, 4 * LEN));

	self->buf.len = LEN;
	self->buf.seed = SEED;
	self->buf.node = sm_node(0);
	self->buf.addr = variant->shared ?
		sm_map_fd(-1, LEN, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS) : sm_map(LEN);
	ASSERT_TRUE(!!self->buf.addr);
	ASSERT_EQ(0, sm_peer_start(&self->peer, sm_serve_buffer, &self->buf));
	ASSERT_EQ(0, sm_cgroup_attach(self->root, GROUP, self->peer.pid));
	ASSERT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_FILL));
	ASSERT_EQ(sm_pages(LEN), sm_on_node(self->peer.pid, self->buf.addr,
					    LEN, self->buf.node));
}

FIXTURE_TEARDOWN(limited)
{
	sm_peer_end(&self->peer);
	unlinkat(self->root, GROUP, AT_REMOVEDIR);
	sm_write_at(self->root, "cgroup.subtree_control", "-memory");
	close(self->root);
	munmap(self->buf.addr, LEN);
	sm_cleanup();
}

SM_TEST_F(limited, rest_is_moved)
{
	long pages = sm_pages(LEN), most = sm_pages(variant->swap);
	long long moved = sm_vmstat("swapmig_moved");
	pid_t pid = self->peer.pid;
	long there;

	EXPECT_EQ(0, sm_migrate(pid, sm_bit(sm_node(0)), sm_bit(sm_node(1))));
	there = sm_on_node(pid, self->buf.addr, LEN, sm_node(1));
	EXPECT_LE(pages - most, there);
	EXPECT_LE(there, sm_vmstat("swapmig_moved") - moved);
	if (!variant->shared) {
		EXPECT_EQ(pages - there,
			  sm_swapped(pid, self->buf.addr, LEN));
	}
	/* The limit forbids no more than it does. */
	EXPECT_EQ(!!most, pages > there);
	EXPECT_EQ(0, sm_on_node(pid, self->buf.addr, LEN, sm_node(0)));
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
	EXPECT_EQ(pages, sm_on_node(pid, self->buf.addr, LEN, sm_node(1)));
}

TEST_HARNESS_MAIN
