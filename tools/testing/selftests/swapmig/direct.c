// SPDX-License-Identifier: GPL-2.0-only
/*
 * The direct path: pages are on their target nodes at once, in the same
 * relative places. And the way from each path to the other: each page takes
 * the one that is open, and only if neither is it stays and is counted.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "util.h"

#define LEN	(4 * MIB)
#define SEED	41
#define NODES	4
#define GROUP	"swapmig-protected"

/* One piece of memory on each node, and where each is to go. */
FIXTURE(places)
{
	char *addr[NODES];
};

/* Nodes are 0 to 3 here: the i-th node with memory. */
FIXTURE_VARIANT(places)
{
	unsigned int from;
	unsigned int to;
	int end[NODES];		/* by node: where its memory is afterwards */
};

FIXTURE_VARIANT_ADD(places, 0_to_1)
{
	.from = 1, .to = 2, .end = { 1, 1, 2, 3 },
};

FIXTURE_VARIANT_ADD(places, 01_to_12)
{
	.from = 3, .to = 6, .end = { 1, 2, 2, 3 },
};

FIXTURE_VARIANT_ADD(places, 12_to_01)
{
	.from = 6, .to = 3, .end = { 0, 0, 1, 3 },
};

FIXTURE_VARIANT_ADD(places, 012_to_123)
{
	.from = 7, .to = 14, .end = { 1, 2, 3, 3 },
};

FIXTURE_VARIANT_ADD(places, 123_to_012)
{
	.from = 14, .to = 7, .end = { 0, 0, 1, 2 },
};

/* The third of the one goes to the third of the other: it stays. */
FIXTURE_VARIANT_ADD(places, 013_to_123)
{
	.from = 11, .to = 14, .end = { 1, 2, 2, 3 },
};

FIXTURE_VARIANT_ADD(places, 02_to_13)
{
	.from = 5, .to = 10, .end = { 1, 1, 3, 3 },
};

FIXTURE_VARIANT_ADD(places, 0123_to_0123)
{
	.from = 15, .to = 15, .end = { 0, 1, 2, 3 },
};

/* Sets of different size: what is on a target node already stays. */
FIXTURE_VARIANT_ADD(places, 012_to_12)
{
	.from = 7, .to = 6, .end = { 1, 1, 2, 3 },
};

FIXTURE_VARIANT_ADD(places, 0123_to_2)
{
	.from = 15, .to = 4, .end = { 2, 2, 2, 2 },
};

FIXTURE_VARIANT_ADD(places, 0123_to_13)
{
	.from = 15, .to = 10, .end = { 1, 1, 1, 3 },
};

FIXTURE_VARIANT_ADD(places, 01_to_0123)
{
	.from = 3, .to = 15, .end = { 0, 1, 2, 3 },
};

FIXTURE_SETUP(places)
{
	int i;

	SM_BEGIN(NODES);
	SM_NEED(sm_lacks_path(SM_PATH));
	ASSERT_EQ(0, sm_prefer("direct"));
	for (i = 0; i < NODES; i++) {
		self->addr[i] = sm_map(LEN);
		ASSERT_TRUE(!!self->addr[i]);
		ASSERT_EQ(0, sm_bind(sm_node(i)));
		sm_fill(self->addr[i], LEN, SEED + i);
	}
	ASSERT_EQ(0, sm_unbind());
}

FIXTURE_TEARDOWN(places)
{
	int i;

	for (i = 0; i < NODES; i++)
		if (self->addr[i])
			munmap(self->addr[i], LEN);
	sm_unbind();
	sm_cleanup();
}

static unsigned long real_nodes(unsigned int set)
{
	unsigned long mask = 0;
	int i;

	for (i = 0; i < NODES; i++)
		if (set & (1 << i))
			mask |= sm_bit(sm_node(i));
	return mask;
}

SM_TEST_F(places, are_kept)
{
	long long evicted = sm_vmstat("swapmig_evicted");
	long long moved = sm_vmstat("swapmig_moved");
	long pages = sm_pages(LEN), moves = 0;
	int i;

	for (i = 0; i < NODES; i++) {
		ASSERT_EQ(pages, sm_on_node(0, self->addr[i], LEN,
					    sm_node(i)));
		moves += variant->end[i] == i ? 0 : pages;
	}
	ASSERT_EQ(0, sm_migrate(0, real_nodes(variant->from),
				real_nodes(variant->to)));
	for (i = 0; i < NODES; i++) {
		EXPECT_EQ(pages, sm_on_node(0, self->addr[i], LEN,
					    sm_node(variant->end[i]))) {
			TH_LOG("memory of node %d", i);
		}
	}
	EXPECT_LE(moves, sm_vmstat("swapmig_moved") - moved);
	EXPECT_EQ(evicted, sm_vmstat("swapmig_evicted"));
	for (i = 0; i < NODES; i++)
		EXPECT_EQ(0, sm_bad(self->addr[i], LEN, SEED + i));
}

/* Pages for which one path is closed, on either path. */
FIXTURE(fallback)
{
	struct sm_buffer buf;
	struct sm_peer peer;
	unsigned long from;
	unsigned long to;
	int node;
	int target;
	bool direct;
	pid_t filler;
	char *addr;
	int pipe[2];
	int ring;
	int root;
	int fd;
};

FIXTURE_VARIANT(fallback)
{
	const char *path;
};

FIXTURE_VARIANT_ADD(fallback, swap)
{
	.path = "swap",
};

FIXTURE_VARIANT_ADD(fallback, direct)
{
	.path = "direct",
};

FIXTURE_SETUP(fallback)
{
	SM_BEGIN(2);
	SM_NEED(sm_lacks_path(SM_PATH));
	SM_NEED(sm_lacks_no_swap());
	ASSERT_EQ(0, sm_prefer(variant->path));
	self->direct = !strcmp(variant->path, "direct");
	self->node = sm_node(0);
	self->target = sm_node(1);
	self->from = sm_bit(self->node);
	self->to = sm_bit(self->target);
	self->buf.len = LEN;
	self->buf.seed = SEED;
	self->buf.node = self->node;
	self->pipe[0] = -1;
	self->pipe[1] = -1;
	self->ring = -1;
	self->root = -1;
	self->fd = -1;
	ASSERT_EQ(0, sm_bind(self->node));
}

FIXTURE_TEARDOWN(fallback)
{
	sm_peer_end(&self->peer);
	sm_kill(self->filler);
	close(self->pipe[0]);
	close(self->pipe[1]);
	close(self->ring);
	close(self->fd);
	if (self->root >= 0) {
		unlinkat(self->root, GROUP, AT_REMOVEDIR);
		sm_write_at(self->root, "cgroup.subtree_control", "-memory");
		close(self->root);
	}
	if (self->addr)
		munmap(self->addr, LEN);
	sm_unbind();
	sm_cleanup();
}

/* The memory at self->addr cannot go to swap, so it is moved at once. */
static void is_moved(SM_ARGS(fallback))
{
	long long moved, failed;
	long pages = sm_pages(LEN);

	ASSERT_EQ(0, sm_unbind());
	ASSERT_EQ(pages, sm_on_node(0, self->addr, LEN, self->node));
	moved = sm_vmstat("swapmig_moved");
	failed = sm_vmstat("swapmig_failed");
	EXPECT_EQ(0, sm_migrate(0, self->from, self->to));
	EXPECT_EQ(pages, sm_on_node(0, self->addr, LEN, self->target));
	EXPECT_LE(pages, sm_vmstat("swapmig_moved") - moved);
	EXPECT_EQ(failed, sm_vmstat("swapmig_failed"));
	EXPECT_EQ(0, sm_bad(self->addr, LEN, SEED));
}

/* Nothing can carry it: it is counted as left behind. */
static void is_left(SM_ARGS(fallback))
{
	long pages = sm_pages(LEN);
	long long failed;

	ASSERT_EQ(0, sm_unbind());
	failed = sm_vmstat("swapmig_failed");
	EXPECT_EQ(pages, sm_migrate(0, self->from, self->to));
	EXPECT_EQ(pages, sm_on_node(0, self->addr, LEN, self->node));
	EXPECT_EQ(failed + pages, sm_vmstat("swapmig_failed"));
	EXPECT_EQ(0, sm_bad(self->addr, LEN, SEED));
}

static void need_swap(SM_ARGS(fallback))
{
	SM_NEED(sm_lacks_swap(SM_ZRAM));
	ASSERT_EQ(0, sm_swap_on(SM_ZRAM, 64 * MIB));
}

static void filled(SM_ARGS(fallback), void *addr)
{
	self->addr = addr;
	ASSERT_TRUE(!!self->addr);
	sm_fill(self->addr, LEN, SEED);
}

SM_TEST_F(fallback, mlocked)
{
	need_swap(_metadata, self);
	filled(_metadata, self, sm_map(LEN));
	ASSERT_EQ(0, mlock(self->addr, LEN));
	is_moved(_metadata, self);
	EXPECT_EQ((long)LEN / 1024, sm_smaps(self->addr, "Locked"));
}

SM_TEST_F(fallback, mlocked_huge)
{
	bool whole;

	need_swap(_metadata, self);
	self->addr = sm_map_huge(LEN);
	if (!self->addr)
		SKIP(return, "no transparent huge pages");
	filled(_metadata, self, self->addr);
	if (sm_smaps(self->addr, "AnonHugePages") != LEN / 1024)
		SKIP(return, "no transparent huge pages to be had");
	whole = sm_moves_huge(self->addr, self->node, self->target);
	ASSERT_EQ(0, mlock(self->addr, LEN));
	is_moved(_metadata, self);
	EXPECT_EQ((long)LEN / 1024, sm_smaps(self->addr, "Locked"));
	/* Elsewhere a huge page is split when it is moved. */
	if (whole)
		EXPECT_EQ((long)LEN / 1024,
			  sm_smaps(self->addr, "AnonHugePages"));
}

static void hugetlb(SM_ARGS(fallback), int flags)
{
	char here[128], there[128], value[32];
	long have;

	need_swap(_metadata, self);
	snprintf(here, sizeof(here), SM_HUGETLB, self->node, "nr_hugepages");
	snprintf(there, sizeof(there), SM_HUGETLB, self->target, "nr_hugepages");
	SM_NEED(sm_lacks_path(here));
	/* Pages of the pool move from node to node: both are to be restored. */
	have = sm_read_long(there);
	snprintf(value, sizeof(value), "%ld", have);
	ASSERT_EQ(0, sm_set(there, value));
	have = sm_read_long(here);
	snprintf(value, sizeof(value), "%ld", have + (long)(LEN / SM_HUGE));
	ASSERT_EQ(0, sm_set(here, value));
	if (sm_read_long(here) != have + (long)(LEN / SM_HUGE))
		SKIP(return, "no huge pages to be had");
	filled(_metadata, self,
	       sm_map_fd(-1, LEN, PROT_READ | PROT_WRITE,
			 flags | MAP_ANONYMOUS | MAP_HUGETLB));
	if (sm_moves_huge(self->addr, self->node, self->target))
		is_moved(_metadata, self);
	else
		is_left(_metadata, self);
	munmap(self->addr, LEN);
	self->addr = NULL;
}

SM_TEST_F(fallback, hugetlb_private)
{
	hugetlb(_metadata, self, MAP_PRIVATE);
}

SM_TEST_F(fallback, hugetlb_shared)
{
	hugetlb(_metadata, self, MAP_SHARED);
}

SM_TEST_F(fallback, no_swap)
{
	filled(_metadata, self, sm_map(LEN));
	is_moved(_metadata, self);
}

SM_TEST_F(fallback, no_swap_huge)
{
	self->addr = sm_map_huge(LEN);
	if (!self->addr)
		SKIP(return, "no transparent huge pages");
	filled(_metadata, self, self->addr);
	is_moved(_metadata, self);
}

SM_TEST_F(fallback, no_swap_shared)
{
	filled(_metadata, self,
	       sm_map_fd(-1, LEN, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS));
	is_moved(_metadata, self);
}

/* Swap for a part: the rest is moved. */
SM_TEST_F(fallback, little_swap)
{
	SM_NEED(sm_lacks_swap(SM_ZRAM));
	ASSERT_EQ(0, sm_swap_on(SM_ZRAM, LEN / 4));
	filled(_metadata, self, sm_map(LEN));
	ASSERT_EQ(0, sm_unbind());
	EXPECT_EQ(0, sm_migrate(0, self->from, self->to));
	EXPECT_EQ(0, sm_on_node(0, self->addr, LEN, self->node));
	EXPECT_EQ(sm_pages(LEN),
		  sm_on_node(0, self->addr, LEN, self->target) +
		  sm_swapped(0, self->addr, LEN));
	EXPECT_EQ(0, sm_bad(self->addr, LEN, SEED));
	EXPECT_EQ(sm_pages(LEN), sm_on_node(0, self->addr, LEN, self->target));
}

/* A clean file needs no swap; on the direct path its pages are moved, too. */
SM_TEST_F(fallback, file)
{
	SM_NEED(sm_lacks_ext4());
	self->fd = sm_ext4_file();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, sm_fill_file(self->fd, LEN, SEED));
	ASSERT_EQ(0, fsync(self->fd));
	self->addr = sm_map_fd(self->fd, LEN, PROT_READ, MAP_SHARED);
	ASSERT_TRUE(!!self->addr);
	ASSERT_EQ(0, sm_bad(self->addr, LEN, SEED));
	if (self->direct) {
		is_moved(_metadata, self);
		return;
	}
	ASSERT_EQ(0, sm_unbind());
	EXPECT_EQ(0, sm_migrate(0, self->from, self->to));
	EXPECT_EQ(0, sm_in_memory(self->addr, LEN));
	EXPECT_EQ(0, sm_bad(self->addr, LEN, SEED));
}

#define PINNED	16

/* Neither path can carry the pages from @addr on, and the caller is told. */
static void pinned(SM_ARGS(fallback), void *addr)
{
	size_t len = PINNED * sm_page;
	long long failed;

	ASSERT_EQ(0, sm_unbind());
	failed = sm_vmstat("swapmig_failed");
	EXPECT_EQ(PINNED, sm_migrate(0, self->from, self->to));
	EXPECT_EQ(PINNED, sm_vmstat("swapmig_failed") - failed);
	EXPECT_EQ(0, sm_bad(self->addr, LEN, SEED));
	EXPECT_EQ(PINNED, sm_on_node(0, addr, len, self->node));
	EXPECT_EQ(sm_pages(LEN) - PINNED,
		  sm_on_node(0, self->addr, LEN, self->target));
}

SM_TEST_F(fallback, pinned_by_io_uring)
{
	struct io_uring_params params = { 0 };
	struct iovec vec;

	self->ring = syscall(SYS_io_uring_setup, 4, &params);
	if (self->ring < 0)
		SKIP(return, "no io_uring: %s", strerror(errno));
	need_swap(_metadata, self);
	filled(_metadata, self, sm_map(LEN));
	vec.iov_base = self->addr + 100 * sm_page;
	vec.iov_len = PINNED * sm_page;
	ASSERT_EQ(0, syscall(SYS_io_uring_register, self->ring,
			     IORING_REGISTER_BUFFERS, &vec, 1));
	pinned(_metadata, self, vec.iov_base);
}

SM_TEST_F(fallback, pinned_by_vmsplice)
{
	struct iovec vec;

	need_swap(_metadata, self);
	filled(_metadata, self, sm_map(LEN));
	ASSERT_EQ(0, pipe(self->pipe));
	vec.iov_base = self->addr + 100 * sm_page;
	vec.iov_len = PINNED * sm_page;
	ASSERT_EQ((ssize_t)vec.iov_len, vmsplice(self->pipe[1], &vec, 1, 0));
	pinned(_metadata, self, vec.iov_base);
}

/*
 * kswapd takes nothing from the peer. It would make room for some pages with those
 * that have just been moved, until the node had taken all.
 */
static void protect_peer(SM_ARGS(fallback))
{
	int version;

	self->root = sm_cgroup("memory", &version);
	if (self->root < 0)
		SM_NEED("the memory controller is not to be had");
	if (version != 2)
		SM_NEED("memory.min needs cgroup v2");
	unlinkat(self->root, GROUP, AT_REMOVEDIR);
	ASSERT_EQ(0, mkdirat(self->root, GROUP, 0755));
	ASSERT_EQ(0, sm_write_at(self->root, GROUP "/memory.min", "max"));
	ASSERT_EQ(0, sm_cgroup_attach(self->root, GROUP, self->peer.pid));
}

/* A buffer that a full node has no room for, whatever it frees in a hurry. */
#define MUCH	(16 * MIB)

static void start_and_fill_target(SM_ARGS(fallback))
{
	self->buf.len = MUCH;
	self->buf.addr = sm_map(MUCH);
	ASSERT_TRUE(!!self->buf.addr);
	ASSERT_EQ(0, sm_peer_start(&self->peer, sm_serve_buffer, &self->buf));
	protect_peer(_metadata, self);
	ASSERT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_FILL));
	ASSERT_EQ(0, sm_unbind());
	self->filler = sm_fill_node(self->target);
	ASSERT_LT(0, self->filler);
	ASSERT_EQ(sm_pages(MUCH), sm_on_node(self->peer.pid, self->buf.addr,
					     MUCH, self->node));
}

SM_TEST_F(fallback, target_full)
{
	long swapped;
	pid_t pid;

	SM_NEED(sm_lacks_swap(SM_ZRAM));
	ASSERT_EQ(0, sm_swap_on(SM_ZRAM, 128 * MIB));
	start_and_fill_target(_metadata, self);
	pid = self->peer.pid;

	EXPECT_EQ(0, sm_migrate(pid, self->from, self->to));
	EXPECT_EQ(0, sm_on_node(pid, self->buf.addr, MUCH, self->node));
	swapped = sm_swapped(pid, self->buf.addr, MUCH);
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
	EXPECT_LT(0, swapped);
}

/* What is swapped in for a full node is near it. */
SM_TEST_F(fallback, target_full_at_refault)
{
	long long misses;
	pid_t pid;

	SM_NEED(sm_lacks_swap(SM_ZRAM));
	ASSERT_EQ(0, sm_swap_on(SM_ZRAM, 128 * MIB));
	start_and_fill_target(_metadata, self);
	pid = self->peer.pid;
	ASSERT_EQ(0, sm_migrate(pid, self->from, self->to));

	misses = sm_vmstat("swapmig_refault_miss");
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
	/* How misses are counted is tested where a cpuset forbids the node. */
	EXPECT_LT(misses, sm_vmstat("swapmig_refault_miss"));
}

/* Both are closed: what the node has no room for is reported, page by page. */
SM_TEST_F(fallback, target_full_and_no_swap)
{
	long long failed;
	long before, left;
	pid_t pid;

	start_and_fill_target(_metadata, self);
	pid = self->peer.pid;
	before = sm_pages(MUCH);

	failed = sm_vmstat("swapmig_failed");
	left = sm_migrate(pid, self->from, self->to);
	EXPECT_EQ(sm_mapped_on_node(pid, self->node), left);
	EXPECT_EQ(left, sm_vmstat("swapmig_failed") - failed);
	EXPECT_EQ(before, sm_present(pid, self->buf.addr, MUCH));
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
	EXPECT_LT(0, left);
}

TEST_HARNESS_MAIN
