// SPDX-License-Identifier: GPL-2.0-only
/*
 * With no swap, with too little of it, or with a full target node, each page takes
 * the other path. Pages that neither path can take stay whole, and the call returns
 * their number.
 */
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "util.h"

#define LEN	(16 * MIB)
#define FILE_LEN	(4 * MIB)
#define SEED	19
#define GROUP	"swapmig-protected"
#define SLOW	"swapmig-slow"

FIXTURE(room)
{
	struct sm_buffer buf;
	struct sm_peer peer;
	struct sm_buffer hog;
	struct sm_peer hog_peer;
	pid_t filler;
	pid_t migrator;
	int root;
	int fd;
};

FIXTURE_VARIANT(room)
{
	const char *path;
	bool evicts;		/* where it can */
};

FIXTURE_VARIANT_ADD(room, swap)
{
	.path = "swap", .evicts = true,
};

FIXTURE_VARIANT_ADD(room, direct)
{
	.path = "direct", .evicts = false,
};

FIXTURE_SETUP(room)
{
	SM_BEGIN(2);
	SM_NEED(sm_lacks_no_swap());
	ASSERT_EQ(0, sm_prefer(variant->path));
	self->buf.len = LEN;
	self->buf.seed = SEED;
	self->buf.node = sm_node(0);
	self->root = -1;
	self->fd = -1;
}

FIXTURE_TEARDOWN(room)
{
	sm_lift_limit();
	sm_trace_end();
	sm_kill(self->migrator);
	sm_peer_end(&self->peer);
	sm_peer_end(&self->hog_peer);
	sm_kill(self->filler);
	if (self->fd >= 0)
		close(self->fd);
	if (self->root >= 0) {
		unlinkat(self->root, GROUP, AT_REMOVEDIR);
		unlinkat(self->root, SLOW, AT_REMOVEDIR);
		sm_write_at(self->root, "cgroup.subtree_control", "-memory");
		close(self->root);
	}
	sm_cleanup();
}

static void start_empty(SM_ARGS(room))
{
	ASSERT_TRUE(!!self->buf.addr);
	ASSERT_EQ(0, sm_peer_start(&self->peer, sm_serve_buffer, &self->buf));
}

static void fill(SM_ARGS(room))
{
	ASSERT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_FILL));
	ASSERT_EQ(sm_pages(LEN), sm_on_node(self->peer.pid, self->buf.addr,
					    LEN, sm_node(0)));
}

static void start(SM_ARGS(room))
{
	start_empty(_metadata, self);
	fill(_metadata, self);
}

/*
 * Migrate the process and see where it is. The result is the number of pages
 * left, and the counters know what became of each page of the process.
 */
struct outcome {
	long left;
	long moved;
	long swapped;
};

static struct outcome migrate(SM_ARGS(room))
{
	long long evicted = sm_vmstat("swapmig_evicted");
	long long failed = sm_vmstat("swapmig_failed");
	long long moved = sm_vmstat("swapmig_moved");
	char *addr = self->buf.addr;
	pid_t pid = self->peer.pid;
	struct outcome o;
	long ret, before;

	before = sm_mapped_on_node(pid, sm_node(0));
	ret = sm_migrate(pid, sm_from(), sm_to());
	evicted = sm_vmstat("swapmig_evicted") - evicted;
	moved = sm_vmstat("swapmig_moved") - moved;
	o.left = sm_on_node(pid, addr, LEN, sm_node(0));
	o.moved = sm_on_node(pid, addr, LEN, sm_node(1));
	o.swapped = sm_swapped(pid, addr, LEN);

	/* kswapd may have swapped a page out since it was seen elsewhere. */
	EXPECT_LE(sm_pages(LEN), o.left + o.moved + o.swapped);
	EXPECT_EQ(sm_mapped_on_node(pid, sm_node(0)), ret);
	EXPECT_EQ(ret, sm_vmstat("swapmig_failed") - failed);
	EXPECT_EQ(before - ret, evicted + moved);
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
	return o;
}

static void all_move(SM_ARGS(room))
{
	struct outcome o = migrate(_metadata, self);

	EXPECT_EQ(sm_pages(LEN), o.moved);
}

SM_TEST_F(room, none)
{
	self->buf.addr = sm_map(LEN);
	start(_metadata, self);
	all_move(_metadata, self);
}

SM_TEST_F(room, none_huge)
{
	self->buf.addr = sm_map_huge(LEN);
	if (!self->buf.addr)
		SKIP(return, "no transparent huge pages");
	start(_metadata, self);
	all_move(_metadata, self);
}

SM_TEST_F(room, none_shared)
{
	self->buf.addr = sm_map_fd(-1, LEN, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS);
	start(_metadata, self);
	all_move(_metadata, self);
}

/* Pages of a file are moved in any case. */
SM_TEST_F(room, none_and_a_file)
{
	char *p;

	SM_NEED(sm_lacks_ext4());
	self->fd = sm_ext4_file();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, sm_bind(sm_node(0)));
	ASSERT_EQ(0, sm_fill_file(self->fd, FILE_LEN, SEED));
	ASSERT_EQ(0, fsync(self->fd));
	p = sm_map_fd(self->fd, FILE_LEN, PROT_READ, MAP_SHARED);
	ASSERT_TRUE(!!p);
	ASSERT_EQ(0, sm_bad(p, FILE_LEN, SEED));
	self->buf.addr = sm_map(LEN);
	ASSERT_TRUE(!!self->buf.addr);
	sm_fill(self->buf.addr, LEN, SEED);
	ASSERT_EQ(0, sm_unbind());

	EXPECT_EQ(0, sm_migrate(0, sm_from(), sm_to()));
	EXPECT_EQ(0, sm_on_node(0, p, FILE_LEN, sm_node(0)));
	EXPECT_EQ(sm_pages(FILE_LEN), sm_in_memory(p, FILE_LEN));
	EXPECT_EQ(sm_pages(FILE_LEN),
		  sm_on_node(0, p, FILE_LEN, sm_node(1)));
	EXPECT_EQ(sm_pages(LEN), sm_on_node(0, self->buf.addr, LEN,
					    sm_node(1)));
	EXPECT_EQ(0, sm_bad(p, FILE_LEN, SEED));
	EXPECT_EQ(0, sm_bad(self->buf.addr, LEN, SEED));
}

static void little(SM_ARGS(room), bool evicts)
{
	struct outcome o = migrate(_metadata, self);

	EXPECT_EQ(0, o.left);
	/* The room was used, but for what CPUs keep for themselves. */
	EXPECT_LE(evicts ? sm_pages(LEN / 8) : 0, o.swapped);
	EXPECT_GE(evicts ? sm_pages(LEN / 4) : 0, o.swapped);
	/* Its content has been looked at since. */
	EXPECT_EQ(sm_pages(LEN), sm_on_node(self->peer.pid, self->buf.addr, LEN,
					    sm_node(1)));
}

SM_TEST_F(room, too_little)
{
	SM_SWAP_ON(SM_ZRAM, LEN / 4);
	self->buf.addr = sm_map(LEN);
	start(_metadata, self);
	little(_metadata, self, variant->evicts);
}

SM_TEST_F(room, too_little_huge)
{
	SM_SWAP_ON(SM_ZRAM, LEN / 4);
	self->buf.addr = sm_map_huge(LEN);
	if (!self->buf.addr)
		SKIP(return, "no transparent huge pages");
	start(_metadata, self);
	little(_metadata, self, variant->evicts);
}

static void fill_target(SM_ARGS(room))
{
	int node = sm_node(1);

	if (sm_meminfo(node, "MemTotal") > 4096L * 1024)
		SM_NEED("nodes too large to fill");
	self->filler = sm_fill_node(node);
	ASSERT_LT(0, self->filler);
}

/* The target is full, and there is no swap either. */
SM_TEST_F(room, none_at_all)
{
	struct outcome o;

	SM_NEED(sm_lacks_traces());
	self->buf.addr = sm_map(LEN);
	start(_metadata, self);
	fill_target(_metadata, self);
	ASSERT_EQ(0, sm_trace("swapmig_end"));
	o = migrate(_metadata, self);
	EXPECT_EQ(0, o.swapped);
	EXPECT_LT(0, o.left);
	EXPECT_LE(o.left, sm_traced_left(" no_swap="));
}

SM_TEST_F(room, none_at_all_huge)
{
	struct outcome o;

	self->buf.addr = sm_map_huge(LEN);
	if (!self->buf.addr)
		SKIP(return, "no transparent huge pages");
	start(_metadata, self);
	fill_target(_metadata, self);
	o = migrate(_metadata, self);
	EXPECT_EQ(0, o.swapped);
	EXPECT_LT(0, o.left);
}

/* The target is full, and swap is not. */
SM_TEST_F(room, target_full)
{
	struct outcome o;

	SM_SWAP_ON(SM_ZRAM, 64 * MIB);
	self->buf.addr = sm_map(LEN);
	start(_metadata, self);
	fill_target(_metadata, self);
	o = migrate(_metadata, self);
	EXPECT_EQ(0, o.left);
	EXPECT_LT(0, o.swapped);
}

static int make_group(SM_ARGS(room), const char *group)
{
	unlinkat(self->root, group, AT_REMOVEDIR);
	return mkdirat(self->root, group, 0755);
}

/* Charges do not follow a process, so the peer has no memory before it is in its group. */
static void start_in_group(SM_ARGS(room))
{
	int version;

	self->root = sm_cgroup("memory", &version);
	if (self->root < 0)
		SM_NEED("the memory controller is not to be had");
	if (version != 2)
		SM_NEED("memory.min needs cgroup v2");
	ASSERT_EQ(0, make_group(_metadata, self, GROUP));
	start_empty(_metadata, self);
	ASSERT_EQ(0, sm_cgroup_attach(self->root, GROUP, self->peer.pid));
	fill(_metadata, self);
}

static void all_into_swap(SM_ARGS(room))
{
	ASSERT_EQ(0, sm_migrate(self->peer.pid, sm_from(), sm_to()));
	ASSERT_EQ(sm_pages(LEN),
		  sm_swapped(self->peer.pid, self->buf.addr, LEN));
}

/* What reclaim would leave alone is moved. */
static void protected(SM_ARGS(room), const char *file)
{
	struct outcome o;

	SM_SWAP_ON(SM_ZRAM, 64 * MIB);
	self->buf.addr = sm_map(LEN);
	start_in_group(_metadata, self);
	ASSERT_EQ(0, sm_write_at(self->root, file, "max"));
	o = migrate(_metadata, self);
	EXPECT_EQ(0, o.swapped);
	EXPECT_EQ(sm_pages(LEN), o.moved);
}

SM_TEST_F(room, protected_by_min)
{
	protected(_metadata, self, GROUP "/memory.min");
}

SM_TEST_F(room, protected_by_low)
{
	protected(_metadata, self, GROUP "/memory.low");
}

/* Half of it is protected. */
SM_TEST_F(room, protected_in_part)
{
	char half[32];
	struct outcome o;

	SM_SWAP_ON(SM_ZRAM, 64 * MIB);
	self->buf.addr = sm_map(LEN);
	start_in_group(_metadata, self);
	snprintf(half, sizeof(half), "%lu", LEN / 2);
	ASSERT_EQ(0, sm_write_at(self->root, GROUP "/memory.min", half));
	o = migrate(_metadata, self);
	EXPECT_EQ(0, o.left);
	if (!variant->evicts)
		return;
	/* Pages in flight, and what CPUs have charged in advance. */
	EXPECT_LE(sm_pages(LEN / 4), o.swapped);
	EXPECT_GE(sm_pages(LEN / 2) + 512, o.swapped);
}

/* It cannot be moved either. */
SM_TEST_F(room, protected_and_target_full)
{
	long left, here;

	SM_NEED(sm_lacks_traces());
	SM_SWAP_ON(SM_ZRAM, 64 * MIB);
	self->buf.addr = sm_map(LEN);
	start_in_group(_metadata, self);
	ASSERT_EQ(0, sm_write_at(self->root, GROUP "/memory.min", "max"));
	fill_target(_metadata, self);
	ASSERT_EQ(0, sm_trace("swapmig_end"));
	left = sm_migrate(self->peer.pid, sm_from(), sm_to());
	here = sm_on_node(self->peer.pid, self->buf.addr, LEN, sm_node(0));
	EXPECT_LT(0, left);
	EXPECT_LE(here, left);
	EXPECT_LE(here, sm_traced_left(" no_room="));
	EXPECT_EQ(0, sm_swapped(self->peer.pid, self->buf.addr, LEN));
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
}

#define HOG	(32 * MIB)

/* Memory that is not in use makes room for memory that is. */
SM_TEST_F(room, target_reclaimed_at_refault)
{
	int there = sm_node(1);
	char path[128], nr[32];
	long free;

	if (!variant->evicts)
		SKIP(return, "the target has room when the process is migrated");
	SM_NEED(sm_lacks_swap(SM_ZRAM));
	snprintf(path, sizeof(path), SM_HUGETLB, there, "nr_hugepages");
	SM_NEED(sm_lacks_path(path));
	ASSERT_EQ(0, sm_swap_on(SM_ZRAM, 128 * MIB));
	self->buf.addr = sm_map(LEN);
	start(_metadata, self);
	all_into_swap(_metadata, self);

	/* What is left of the node is for a process at rest, and little more. */
	ASSERT_EQ(0, sm_set("/proc/sys/vm/min_free_kbytes", "4096"));
	ASSERT_EQ(0, sm_few_pages_on_cpus());
	free = sm_meminfo(there, "MemFree") - HOG / 1024 - 4096;
	if (free < 0)
		SM_NEED("nodes too small");
	snprintf(nr, sizeof(nr), "%ld", free / 2048);
	ASSERT_EQ(0, sm_set(path, nr));
	self->hog.addr = sm_map(HOG);
	ASSERT_TRUE(!!self->hog.addr);
	self->hog.len = HOG;
	self->hog.seed = SEED + 1;
	self->hog.node = there;
	ASSERT_EQ(0, sm_peer_start(&self->hog_peer, sm_serve_buffer, &self->hog));
	ASSERT_EQ(0, sm_peer_ask(&self->hog_peer, SM_PEER_FILL));

	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
	EXPECT_GE(sm_pages(LEN / 16),
		  sm_present(self->peer.pid, self->buf.addr, LEN) -
		  sm_on_node(self->peer.pid, self->buf.addr, LEN, there));
	EXPECT_EQ(0, sm_peer_ask(&self->hog_peer, SM_PEER_BAD));
}

/* A policy that binds memory binds it also where the refault node is full. */
SM_TEST_F(room, target_full_at_refault_and_bound)
{
	if (!variant->evicts)
		SKIP(return, "the target has room when the process is migrated");
	SM_NEED(sm_lacks_nodes(3));
	SM_SWAP_ON(SM_ZRAM, 64 * MIB);
	self->buf.addr = sm_map(LEN);
	ASSERT_TRUE(!!self->buf.addr);
	/* The peer inherits it. */
	ASSERT_EQ(0, sm_mbind(self->buf.addr, LEN, MPOL_BIND, sm_from()));
	start_in_group(_metadata, self);
	all_into_swap(_metadata, self);
	fill_target(_metadata, self);
	ASSERT_EQ(0, sm_write_at(self->root, GROUP "/memory.min", "max"));

	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
	EXPECT_EQ(sm_pages(LEN),
		  sm_on_node(self->peer.pid, self->buf.addr, LEN, sm_node(0)) +
		  sm_on_node(self->peer.pid, self->buf.addr, LEN, sm_node(1)));
}

/* Pages that are swapped in for a full node are near it. */
SM_TEST_F(room, target_full_at_refault)
{
	long long misses;

	if (!variant->evicts)
		SKIP(return, "the target has room when the process is migrated");
	SM_SWAP_ON(SM_ZRAM, 64 * MIB);
	self->buf.addr = sm_map(LEN);
	start_in_group(_metadata, self);
	all_into_swap(_metadata, self);
	fill_target(_metadata, self);
	/* Else kswapd makes room with the pages that come back first. */
	ASSERT_EQ(0, sm_write_at(self->root, GROUP "/memory.min", "max"));

	misses = sm_vmstat("swapmig_refault_miss");
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
	/* How misses are counted is tested where a cpuset forbids the node. */
	EXPECT_LT(misses, sm_vmstat("swapmig_refault_miss"));
}

/* Room for one device's share on each. */
SM_TEST_F(room, two_devices)
{
	SM_NEED(sm_lacks_swap(SM_DISK));
	SM_SWAP_ON(SM_ZRAM, LEN);
	ASSERT_EQ(0, sm_swap_on(SM_DISK, LEN));
	self->buf.addr = sm_map(LEN);
	start(_metadata, self);
	EXPECT_EQ(0, sm_migrate(self->peer.pid, sm_from(), sm_to()));
	EXPECT_EQ(variant->evicts ? sm_pages(LEN) : 0,
		  sm_swapped(self->peer.pid, self->buf.addr, LEN));
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
}

/* Swap that comes and goes between calls. */
SM_TEST_F(room, off_and_on)
{
	SM_NEED(sm_lacks_swap(SM_ZRAM));
	self->buf.addr = sm_map(LEN);
	start(_metadata, self);
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, sm_swap_on(SM_ZRAM, 2 * LEN));
		/* swapoff has chosen the node. */
		EXPECT_EQ(0, sm_migrate(self->peer.pid, sm_all_nodes() &
					~sm_to(), sm_to()));
		EXPECT_EQ(0, sm_migrate(self->peer.pid, sm_all_nodes() &
					~sm_from(), sm_from()));
		EXPECT_EQ(0, sm_on_node(self->peer.pid, self->buf.addr, LEN,
					sm_node(1)));
		ASSERT_EQ(0, sm_swap_off());
		EXPECT_EQ(sm_pages(LEN), sm_present(self->peer.pid,
						    self->buf.addr, LEN));
		EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
	}
}

#define SLOW_LEN	SM_HUGE		/* a chunk */
#define INACTIVE	20000		/* pages */
#define FILL_SLOW	100
#define FILL_SMALL	101

/* Two buffers, each charged to the group that the process is in when it is filled. */
static long serve_both(int what, void *arg)
{
	struct sm_buffer *all = arg, part = *all;

	part.len = SLOW_LEN;
	if (what == FILL_SLOW)
		return sm_serve_buffer(SM_PEER_FILL, &part);
	part.addr += SLOW_LEN;
	part.len = all->len - SLOW_LEN;
	if (what == FILL_SMALL)
		return sm_serve_buffer(SM_PEER_FILL, &part);
	return sm_serve_buffer(what, &part);
}

static long long killed_in_group(SM_ARGS(room))
{
	char path[SM_PATH_LEN];

	snprintf(path, sizeof(path), "/proc/self/fd/%d/" GROUP "/memory.events",
		 self->root);
	return sm_read_key(path, "oom_kill");
}

/*
 * The migrator sleeps in the kernel, pages are being written, and nothing is freed any more.
 * The count of isolated pages does not tell: hot-remove of a huge page leaves it too low.
 */
static int wait_until_stuck(SM_ARGS(room))
{
	long long was = -1, evicted;
	int same = 0;

	while (same < 50) {
		usleep(10000 * sm_slow());
		evicted = sm_vmstat("swapmig_evicted");
		same = evicted == was && sm_vmstat("nr_writeback") &&
		       sm_state(self->migrator) == 'D' ? same + 1 : 0;
		was = evicted;
		if (sm_state(self->migrator) == 'Z')
			return -1;
	}
	return 0;
}

/*
 * Reclaim does next to nothing on a node while more pages are isolated there than an
 * eighth of the inactive ones.  With these it is between four and five chunks: as much as
 * could be isolated without a limit, and twice what may be with one.
 */
static void have_inactive(SM_ARGS(room))
{
	long pages = INACTIVE - sm_node_vmstat(sm_node(0), "nr_inactive_anon");

	SM_NEED(pages > 0 ? NULL : "too many inactive pages");
	self->hog.len = pages * sm_page;
	self->hog.addr = sm_map(self->hog.len);
	self->hog.seed = SEED + 1;
	self->hog.node = sm_node(0);
	ASSERT_TRUE(!!self->hog.addr);
	ASSERT_EQ(0, sm_peer_start(&self->hog_peer, sm_serve_buffer, &self->hog));
	ASSERT_EQ(0, sm_peer_ask(&self->hog_peer, SM_PEER_FILL));
}

/*
 * A process uses twice the memory that its group may have, and the device is fast enough
 * for it. What is in flight of the group waits for older pages of another one, whose
 * write-back does not end. There must be something left for reclaim to take.
 */
SM_TEST_F(room, small_group_in_flight)
{
	int version;

	if (!variant->evicts)
		SKIP(return, "nothing waits for write-back");
	SM_NEED(sm_lacks_limits());
	SM_NEED(sm_lacks_swap(SM_DISK));
	self->root = sm_cgroup("memory", &version);
	if (self->root < 0 || version != 2 ||
	    sm_write_at(self->root, "cgroup.subtree_control", "+io"))
		SM_NEED("the controllers are not to be had");
	ASSERT_EQ(0, make_group(_metadata, self, SLOW));
	ASSERT_EQ(0, make_group(_metadata, self, GROUP));
	if (sm_limit_writes(self->root, SLOW, "max"))
		SM_NEED("io.max is not to be had");
	ASSERT_EQ(0, sm_swap_on(SM_DISK, 64 * MIB));
	have_inactive(_metadata, self);
	self->buf.len = SLOW_LEN + LEN;
	self->buf.addr = sm_map(self->buf.len);
	ASSERT_TRUE(!!self->buf.addr);
	ASSERT_EQ(0, sm_peer_start(&self->peer, serve_both, &self->buf));
	ASSERT_EQ(0, sm_cgroup_attach(self->root, SLOW, self->peer.pid));
	ASSERT_EQ(0, sm_peer_ask(&self->peer, FILL_SLOW));
	ASSERT_EQ(0, sm_cgroup_attach(self->root, GROUP, self->peer.pid));
	/* Slowly: to fill memory faster than the disk writes is another test. */
	ASSERT_EQ(0, sm_write_at(self->root, GROUP "/memory.high", "8M"));
	ASSERT_EQ(0, sm_peer_ask(&self->peer, FILL_SMALL));
	ASSERT_EQ(0, sm_write_at(self->root, GROUP "/memory.max", "8M"));
	ASSERT_EQ(0, sm_write_at(self->root, GROUP "/memory.high", "max"));
	ASSERT_EQ(0, killed_in_group(_metadata, self));

	ASSERT_EQ(0, sm_limit_writes(self->root, SLOW, "2"));
	self->migrator = sm_fork();
	if (!self->migrator)
		_exit(sm_migrate(self->peer.pid, sm_from(), sm_to()) ? 1 : 0);
	ASSERT_EQ(0, wait_until_stuck(_metadata, self));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
		EXPECT_EQ(0, sm_peer_ask(&self->peer, FILL_SMALL));
	}
	EXPECT_EQ(0, killed_in_group(_metadata, self));

	sm_lift_limit();
	EXPECT_EQ(0, sm_reap(self->migrator));
	self->migrator = 0;
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
}

TEST_HARNESS_MAIN
