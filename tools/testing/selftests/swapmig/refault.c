// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where pages are after a migration, once they have been used again: on the node
 * that they were sent to. This holds for evicted and moved pages of every kind,
 * whichever CPU and process uses them, and whatever the policies say. Only a cpuset
 * may send them elsewhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "util.h"

#define LEN	(2 * MIB)
#define SEED	31
#define GROUP	"swapmig.refault"

FIXTURE(refault)
{
	int target;
	bool direct;
	long long hits;
	long long misses;
	char *addr;
	char *more;
	size_t len;
	int fd;
	bool huge;		/* shared memory */
	bool split;		/* when it is moved */
	struct sm_peer peer;
	struct sm_peer other;
};

FIXTURE_VARIANT(refault)
{
	const char *path;
	enum sm_dev dev;
	int cpu;		/* one of this node touches the pages */
};

FIXTURE_VARIANT_ADD(refault, swap_zram_cpu_of_source)
{
	.path = "swap", .dev = SM_ZRAM, .cpu = 0,
};

FIXTURE_VARIANT_ADD(refault, swap_zram_cpu_of_target)
{
	.path = "swap", .dev = SM_ZRAM, .cpu = 1,
};

FIXTURE_VARIANT_ADD(refault, swap_disk_cpu_of_source)
{
	.path = "swap", .dev = SM_DISK, .cpu = 0,
};

FIXTURE_VARIANT_ADD(refault, swap_disk_cpu_of_target)
{
	.path = "swap", .dev = SM_DISK, .cpu = 1,
};

FIXTURE_VARIANT_ADD(refault, direct_cpu_of_source)
{
	.path = "direct", .dev = SM_ZRAM, .cpu = 0,
};

FIXTURE_VARIANT_ADD(refault, direct_cpu_of_target)
{
	.path = "direct", .dev = SM_ZRAM, .cpu = 1,
};

FIXTURE_SETUP(refault)
{
	SM_BEGIN(2);
	SM_NEED(sm_lacks_path(SM_PATH));
	SM_NEED(sm_lacks_cpu(sm_node(variant->cpu)));
	SM_SWAP_ON(variant->dev, 64 * MIB);
	ASSERT_EQ(0, sm_prefer(variant->path));
	ASSERT_EQ(0, sm_run_on(sm_node(variant->cpu)));
	self->direct = !strcmp(variant->path, "direct");
	self->target = sm_node(1);
	self->len = LEN;
	self->fd = -1;
	/* All memory from here on, until it is to migrate. */
	ASSERT_EQ(0, sm_bind(sm_node(0)));
}

FIXTURE_TEARDOWN(refault)
{
	sm_peer_end(&self->peer);
	sm_peer_end(&self->other);
	if (self->addr)
		munmap(self->addr, self->len);
	if (self->more)
		munmap(self->more, self->len);
	if (self->fd >= 0)
		close(self->fd);
	sm_unbind();
	sm_cleanup();
}

/* From here on refaults are counted. */
static void count_refaults(struct _test_data_refault *self)
{
	self->hits = sm_vmstat("swapmig_refault_hit");
	self->misses = sm_vmstat("swapmig_refault_miss");
}

/* The call: memory that is moved is there at once, the other is nowhere. */
static void departs(SM_ARGS(refault), void *addr)
{
	long pages = sm_pages(self->len);

	ASSERT_EQ(0, sm_unbind());
	ASSERT_EQ(pages, sm_on_node(0, addr, self->len, sm_node(0)));
	count_refaults(self);
	ASSERT_EQ(0, sm_migrate(0, sm_from(), sm_to()));
	pages = self->direct ? pages : 0;
	EXPECT_EQ(pages, sm_in_memory(addr, self->len));
	/* A huge page of a file that is split is not mapped any more. */
	if (self->split)
		return;
	EXPECT_EQ(pages, sm_on_node(0, addr, self->len, self->target));
	if (self->huge)
		EXPECT_EQ(pages * (long)sm_page / 1024, sm_huge(addr));
}

/* Touched again it is whole, and all of it is where it was sent. */
static void arrives_as(SM_ARGS(refault), void *addr, uint64_t seed)
{
	long pages = sm_pages(self->len);
	long long hits;

	EXPECT_EQ(0, sm_bad(addr, self->len, seed));
	EXPECT_EQ(pages, sm_on_node(0, addr, self->len, self->target));
	hits = sm_vmstat("swapmig_refault_hit") - self->hits;
	EXPECT_LE(self->direct ? 0 : pages, hits);
	EXPECT_EQ(self->direct, !hits);
	EXPECT_EQ(self->misses, sm_vmstat("swapmig_refault_miss"));
}

static void arrives(SM_ARGS(refault), void *addr)
{
	arrives_as(_metadata, self, addr, SEED);
}

static void anonymous(SM_ARGS(refault))
{
	self->addr = sm_map(self->len);
	ASSERT_TRUE(!!self->addr);
	sm_fill(self->addr, self->len, SEED);
}

/* Shared memory is of huge pages from here on. */
static void use_huge_shmem(SM_ARGS(refault))
{
	SM_NEED(sm_lacks_path(SM_HUGE_SHMEM));
	ASSERT_EQ(0, sm_set(SM_HUGE_SHMEM, "always"));
	self->huge = true;
	self->len = 2 * SM_HUGE;
}

static void all_huge(SM_ARGS(refault))
{
	if (!self->huge)
		return;
	SM_NEED(sm_lacks_huge_at(self->addr, self->len));
	self->split = !sm_moves_huge(self->addr, sm_node(0), self->target);
}

static void shared_anonymous(SM_ARGS(refault))
{
	self->addr = sm_map_shared(-1, self->len, self->huge);
	ASSERT_TRUE(!!self->addr);
	sm_fill(self->addr, self->len, SEED);
	all_huge(_metadata, self);
}

SM_TEST_F(refault, anonymous)
{
	anonymous(_metadata, self);
	departs(_metadata, self, self->addr);
	arrives(_metadata, self, self->addr);
}

/* What is in swap is counted, and where it comes back; then it is there. */
SM_TEST_F(refault, numa_maps)
{
	long pages = sm_pages(self->len);
	char there[16], back[16];

	snprintf(there, sizeof(there), " N%d=", self->target);
	snprintf(back, sizeof(back), " S%d=", self->target);
	anonymous(_metadata, self);
	EXPECT_EQ(0, sm_numa_maps(0, self->addr, " swap="));
	departs(_metadata, self, self->addr);
	EXPECT_EQ(self->direct ? 0 : pages, sm_numa_maps(0, self->addr, " swap="));
	EXPECT_EQ(self->direct ? 0 : pages, sm_numa_maps(0, self->addr, back));
	EXPECT_EQ(self->direct ? pages : 0, sm_numa_maps(0, self->addr, there));
	sm_touch(self->addr, self->len / 2);
	EXPECT_EQ(self->direct ? pages : pages / 2,
		  sm_numa_maps(0, self->addr, there));
	EXPECT_EQ(self->direct ? 0 : pages / 2, sm_numa_maps(0, self->addr, back));
	arrives(_metadata, self, self->addr);
	EXPECT_EQ(0, sm_numa_maps(0, self->addr, " swap="));
	EXPECT_EQ(pages, sm_numa_maps(0, self->addr, there));

	/* Reclaim tells no page where to come back. */
	munmap(self->addr, self->len);
	anonymous(_metadata, self);
	if (madvise(self->addr, self->len, MADV_PAGEOUT) ||
	    sm_swapped(0, self->addr, self->len) != pages)
		SKIP(return, "reclaim leaves pages");
	EXPECT_EQ(pages, sm_numa_maps(0, self->addr, " swap="));
	EXPECT_EQ(0, sm_numa_maps(0, self->addr, back));
}

/* The first touch is a write. */
SM_TEST_F(refault, anonymous_written)
{
	size_t i;

	anonymous(_metadata, self);
	departs(_metadata, self, self->addr);
	for (i = 0; i < self->len; i += sm_page)
		sm_fill_page(self->addr + i, SEED + 1, i / sm_page);
	arrives_as(_metadata, self, self->addr, SEED + 1);
}

SM_TEST_F(refault, huge)
{
	self->addr = sm_map_huge(self->len);
	if (!self->addr)
		SKIP(return, "no transparent huge pages");
	sm_fill(self->addr, self->len, SEED);
	SM_NEED(sm_lacks_huge_at(self->addr, self->len));
	departs(_metadata, self, self->addr);
	arrives(_metadata, self, self->addr);
}

SM_TEST_F(refault, shared_anonymous)
{
	shared_anonymous(_metadata, self);
	departs(_metadata, self, self->addr);
	arrives(_metadata, self, self->addr);
}

SM_TEST_F(refault, shared_anonymous_huge)
{
	use_huge_shmem(_metadata, self);
	shared_anonymous(_metadata, self);
	departs(_metadata, self, self->addr);
	arrives(_metadata, self, self->addr);
}

static void tmpfs_file(SM_ARGS(refault))
{
	self->fd = sm_tmpfs_file(self->huge ? "always" : "never");
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, sm_fill_file(self->fd, self->len, SEED));
	self->addr = sm_map_shared(self->fd, self->len, self->huge);
	ASSERT_TRUE(!!self->addr);
	ASSERT_EQ(0, sm_bad(self->addr, self->len, SEED));
	all_huge(_metadata, self);
}

/* Half of it is read, the rest is mapped. */
static void tmpfs(SM_ARGS(refault))
{
	char page[sm_page];
	long i;

	tmpfs_file(_metadata, self);
	departs(_metadata, self, self->addr);
	for (i = 0; i < sm_pages(self->len); i += 2) {
		ASSERT_EQ((ssize_t)sm_page,
			  pread(self->fd, page, sm_page, i * sm_page));
		ASSERT_TRUE(sm_page_is(page, SEED, i));
	}
	arrives(_metadata, self, self->addr);
}

SM_TEST_F(refault, tmpfs)
{
	tmpfs(_metadata, self);
}

SM_TEST_F(refault, tmpfs_huge)
{
	use_huge_shmem(_metadata, self);
	tmpfs(_metadata, self);
}

/* The other process is the first to touch it. */
static void tmpfs_of_two_processes(SM_ARGS(refault))
{
	struct sm_buffer buf = { .len = self->len, .seed = SEED };

	tmpfs_file(_metadata, self);
	self->more = sm_map_fd(self->fd, self->len, PROT_READ, MAP_SHARED);
	ASSERT_TRUE(!!self->more);
	buf.addr = self->more;
	ASSERT_EQ(0, sm_peer_start(&self->peer, sm_serve_buffer, &buf));
	ASSERT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_TOUCH));

	departs(_metadata, self, self->addr);
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
	EXPECT_EQ(sm_pages(self->len), sm_on_node(self->peer.pid, self->more,
						  self->len, self->target));
	arrives(_metadata, self, self->addr);
}

SM_TEST_F(refault, tmpfs_of_two_processes)
{
	tmpfs_of_two_processes(_metadata, self);
}

SM_TEST_F(refault, tmpfs_of_two_processes_huge)
{
	use_huge_shmem(_metadata, self);
	tmpfs_of_two_processes(_metadata, self);
}

/* Both are sent to @node, where each finds what both have written. */
static void both_arrive(SM_ARGS(refault), char *addr, unsigned long from, int node)
{
	struct sm_peer *peers[] = { &self->peer, &self->other };
	int i;

	for (i = 0; i < 2; i++)
		EXPECT_EQ(0, sm_migrate(peers[i]->pid, from, sm_bit(node)));
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(0, sm_peer_ask(peers[i], SM_PEER_BAD));
		EXPECT_EQ(sm_pages(self->len),
			  sm_on_node(peers[i]->pid, addr, self->len, node));
	}
}

/* Two processes write it, and a third one, which does not map it, sends it to and fro. */
SM_TEST_F(refault, tmpfs_huge_of_two_writers)
{
	struct sm_buffer buf = { .len = 4 * SM_HUGE, .seed = SEED, .node = sm_node(0) };
	int dir;

	use_huge_shmem(_metadata, self);
	self->len = buf.len;
	dir = sm_tmpfs("always");
	ASSERT_LE(0, dir);
	self->fd = openat(dir, "file", O_RDWR | O_CREAT, 0600);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ftruncate(self->fd, self->len));
	self->addr = sm_map_shared(self->fd, self->len, true);
	ASSERT_TRUE(!!self->addr);
	buf.addr = self->addr;
	sm_touch(self->addr, self->len);
	SM_NEED(sm_lacks_huge_at(self->addr, self->len));
	ASSERT_EQ(0, sm_peer_start(&self->peer, sm_serve_buffer, &buf));
	ASSERT_EQ(0, sm_peer_start(&self->other, sm_serve_buffer, &buf));
	ASSERT_EQ(0, sm_unbind());
	ASSERT_EQ(0, munmap(self->addr, self->len));
	self->addr = NULL;
	ASSERT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_FILL));
	ASSERT_EQ(0, sm_peer_ask(&self->other, SM_PEER_FILL));

	both_arrive(_metadata, self, buf.addr, sm_from(), self->target);
	both_arrive(_metadata, self, buf.addr, sm_to(), sm_node(0));
	EXPECT_EQ(0, sm_tmpfs_remount(dir, "never"));
	close(dir);
	both_arrive(_metadata, self, buf.addr, sm_from(), self->target);
	self->addr = sm_map_shared(self->fd, self->len, false);
	ASSERT_TRUE(!!self->addr);
	EXPECT_EQ(0, sm_bad(self->addr, self->len, SEED));
}

/* Pages of a private file mapping that have been copied on write. */
SM_TEST_F(refault, file_private_written)
{
	SM_NEED(sm_lacks_ext4());
	self->fd = sm_ext4_file();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, sm_fill_file(self->fd, self->len, SEED + 1));
	self->addr = sm_map_fd(self->fd, self->len, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE);
	ASSERT_TRUE(!!self->addr);
	sm_fill(self->addr, self->len, SEED);
	/* mincore() tells of the file, not of the copies. */
	ASSERT_EQ(0, sm_unbind());
	ASSERT_EQ(sm_pages(self->len),
		  sm_on_node(0, self->addr, self->len, sm_node(0)));
	count_refaults(self);
	ASSERT_EQ(0, sm_migrate(0, sm_from(), sm_to()));
	EXPECT_EQ(self->direct ? 0 : sm_pages(self->len),
		  sm_swapped(0, self->addr, self->len));
	arrives(_metadata, self, self->addr);
}

SM_TEST_F(refault, ksm)
{
	SM_NEED(sm_lacks_ksm());
	anonymous(_metadata, self);
	self->more = sm_map(self->len);
	ASSERT_TRUE(!!self->more);
	sm_fill(self->more, self->len, SEED);
	ASSERT_EQ(0, madvise(self->addr, self->len, MADV_MERGEABLE));
	ASSERT_EQ(0, madvise(self->more, self->len, MADV_MERGEABLE));
	ASSERT_EQ(0, sm_merge(sm_pages(self->len)));

	departs(_metadata, self, self->addr);
	arrives(_metadata, self, self->addr);
	/* The second one may have to be a copy of what came back. */
	EXPECT_EQ(0, sm_bad(self->more, self->len, SEED));
	EXPECT_EQ(sm_pages(self->len),
		  sm_on_node(0, self->more, self->len, self->target));
}

/* Born after the eviction, a child has the same return address. */
SM_TEST_F(refault, forked_later)
{
	struct sm_buffer buf = { .len = self->len, .seed = SEED };

	anonymous(_metadata, self);
	departs(_metadata, self, self->addr);
	buf.addr = self->addr;
	ASSERT_EQ(0, sm_peer_start(&self->peer, sm_serve_buffer, &buf));
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
	EXPECT_EQ(sm_pages(self->len), sm_on_node(self->peer.pid, self->addr,
						  self->len, self->target));
	arrives(_metadata, self, self->addr);
}

/* The child touches nothing, or goes before the parent does. */
SM_TEST_F(refault, forked_later_and_gone)
{
	struct sm_buffer buf = { .len = self->len, .seed = SEED };

	anonymous(_metadata, self);
	departs(_metadata, self, self->addr);
	buf.addr = self->addr;
	buf.len = self->len / 2;
	ASSERT_EQ(0, sm_peer_start(&self->peer, sm_serve_buffer, &buf));
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
	sm_peer_end(&self->peer);
	arrives(_metadata, self, self->addr);
}

#define THREADS	4

struct toucher {
	struct _test_data_refault *self;
	int nr;
	pthread_t thread;
};

/* Each thread has its CPU, and every fourth page. */
static void *touch_some(void *arg)
{
	struct toucher *t = arg;
	size_t i;

	if (sm_run_on(sm_node(t->nr % 2)))
		return arg;
	for (i = t->nr; i < t->self->len / sm_page; i += THREADS)
		sm_touch(t->self->addr + i * sm_page, sm_page);
	return NULL;
}

SM_TEST_F(refault, threads)
{
	struct toucher touchers[THREADS];
	void *failed;
	int i;

	SM_NEED(sm_lacks_cpu(sm_node(0)));
	SM_NEED(sm_lacks_cpu(sm_node(1)));
	anonymous(_metadata, self);
	departs(_metadata, self, self->addr);
	for (i = 0; i < THREADS; i++) {
		touchers[i].self = self;
		touchers[i].nr = i;
		ASSERT_EQ(0, pthread_create(&touchers[i].thread, NULL,
					    touch_some, &touchers[i]));
	}
	for (i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, pthread_join(touchers[i].thread, &failed));
		EXPECT_TRUE(!failed);
	}
	arrives(_metadata, self, self->addr);
}

/* All touch the same pages, each from a place of its own. */
static void *touch_all(void *arg)
{
	struct toucher *t = arg;
	size_t len = t->self->len / THREADS;
	int i;

	if (sm_run_on(sm_node(t->nr % 2)))
		return arg;
	for (i = 0; i < THREADS; i++)
		sm_touch(t->self->addr + (i + t->nr / 2) % THREADS * len, len);
	return NULL;
}

/* Pages that came back are counted, not those allocated for them in vain. */
SM_TEST_F(refault, counted_once)
{
	struct toucher touchers[THREADS];
	long long read, counted;
	void *failed;
	int i;

	if (self->direct)
		SKIP(return, "nothing to be read");
	SM_NEED(sm_lacks_cpu(sm_node(0)));
	SM_NEED(sm_lacks_cpu(sm_node(1)));
	anonymous(_metadata, self);
	departs(_metadata, self, self->addr);
	read = sm_vmstat("pswpin");
	count_refaults(self);
	for (i = 0; i < THREADS; i++) {
		touchers[i].self = self;
		touchers[i].nr = i;
		ASSERT_EQ(0, pthread_create(&touchers[i].thread, NULL,
					    touch_all, &touchers[i]));
	}
	for (i = 0; i < THREADS; i++) {
		ASSERT_EQ(0, pthread_join(touchers[i].thread, &failed));
		EXPECT_TRUE(!failed);
	}
	arrives(_metadata, self, self->addr);
	counted = sm_vmstat("swapmig_refault_hit") - self->hits +
		  sm_vmstat("swapmig_refault_miss") - self->misses;
	EXPECT_GE(sm_vmstat("pswpin") - read, counted);
}

/* Two nodes to two others: each half on its own. */
SM_TEST_F(refault, two_nodes)
{
	size_t half = self->len / 2;
	int node[4], i;

	SM_NEED(sm_lacks_nodes(4));
	for (i = 0; i < 4; i++)
		node[i] = sm_node(i);
	self->addr = sm_map(self->len);
	ASSERT_TRUE(!!self->addr);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, sm_bind(node[i]));
		sm_fill(self->addr + i * half, half, SEED + i);
	}
	ASSERT_EQ(0, sm_unbind());
	for (i = 0; i < 2; i++)
		ASSERT_EQ(sm_pages(half), sm_on_node(0, self->addr + i * half,
						     half, node[i]));
	count_refaults(self);
	EXPECT_EQ(0, sm_migrate(0, sm_bit(node[0]) | sm_bit(node[1]),
				sm_bit(node[2]) | sm_bit(node[3])));
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(0, sm_bad(self->addr + i * half, half, SEED + i));
		EXPECT_EQ(sm_pages(half), sm_on_node(0, self->addr + i * half,
						     half, node[2 + i]));
	}
	EXPECT_EQ(self->misses, sm_vmstat("swapmig_refault_miss"));
}

/* A process with memory of its own that reads that of its parent. */
struct reader {
	char *from;
	size_t len;
	int node;
};

static long serve_reader(int what, void *arg)
{
	struct reader *r = arg;
	struct iovec local = { .iov_len = r->len };
	struct iovec remote = { .iov_base = r->from, .iov_len = r->len };

	if (sm_bind(r->node))
		return -1;
	local.iov_base = sm_map(r->len);
	if (!local.iov_base)
		return -1;
	if (process_vm_readv(getppid(), &local, 1, &remote, 1, 0) !=
	    (ssize_t)r->len)
		return -1;
	return sm_bad(local.iov_base, r->len, SEED);
}

/* The faulting task is a third one, and has a policy. */
SM_TEST_F(refault, read_by_another_process)
{
	struct reader r = { .len = self->len, .node = sm_node(0) };

	self->addr = sm_map(self->len);
	ASSERT_TRUE(!!self->addr);
	r.from = self->addr;
	/* Born before the memory is, it shares none of it. */
	ASSERT_EQ(0, sm_peer_start(&self->peer, serve_reader, &r));
	sm_fill(self->addr, self->len, SEED);
	departs(_metadata, self, self->addr);
	EXPECT_EQ(0, sm_peer_ask(&self->peer, 0));
	EXPECT_EQ(sm_pages(self->len),
		  sm_on_node(0, self->addr, self->len, self->target));
	arrives(_metadata, self, self->addr);
}

/*
 * Read-ahead goes by the neighbourhood on the device where that takes time to
 * seek, else by that in memory.
 */
static void read_ahead(SM_ARGS(refault), const char *rotational)
{
	const char *disk = getenv("SWAPMIG_DISK");
	char path[128];
	long long ahead;

	snprintf(path, sizeof(path), "/sys/block/%s/queue/rotational",
		 strrchr(disk, '/') + 1);
	SM_NEED(sm_lacks_path(path));
	ASSERT_EQ(0, sm_swap_off());
	ASSERT_EQ(0, sm_set(path, rotational));
	ASSERT_EQ(0, sm_swap_on(SM_DISK, 64 * MIB));
	anonymous(_metadata, self);
	departs(_metadata, self, self->addr);
	ASSERT_EQ(0, sm_set("/proc/sys/vm/page-cluster", "3"));
	ahead = sm_vmstat("swap_ra");
	arrives(_metadata, self, self->addr);
	EXPECT_LT(ahead, sm_vmstat("swap_ra"));
}

SM_TEST_F(refault, read_ahead_on_device)
{
	if (self->direct || variant->dev != SM_DISK)
		SKIP(return, "nothing to be read ahead");
	read_ahead(_metadata, self, "1");
}

SM_TEST_F(refault, read_ahead_in_memory)
{
	if (self->direct || variant->dev != SM_DISK)
		SKIP(return, "nothing to be read ahead");
	read_ahead(_metadata, self, "0");
}

/* In memory though nobody has touched it. */
static void wanted(SM_ARGS(refault))
{
	long pages = sm_pages(self->len);
	int tries;

	departs(_metadata, self, self->addr);
	ASSERT_EQ(0, madvise(self->addr, self->len, MADV_WILLNEED));
	for (tries = 0; tries < 1000; tries++) {
		if (sm_in_memory(self->addr, self->len) == pages)
			break;
		usleep(10000);
	}
	EXPECT_EQ(pages, sm_in_memory(self->addr, self->len));
	arrives(_metadata, self, self->addr);
}

SM_TEST_F(refault, will_need)
{
	anonymous(_metadata, self);
	wanted(_metadata, self);
}

SM_TEST_F(refault, will_need_shared)
{
	shared_anonymous(_metadata, self);
	wanted(_metadata, self);
}

/* Memory that had been swapped out before follows. */
static void follows(SM_ARGS(refault), int (*out)(void *addr, size_t len))
{
	long pages = sm_pages(self->len);

	ASSERT_EQ(0, sm_unbind());
	ASSERT_EQ(pages, sm_on_node(0, self->addr, self->len, sm_node(0)));
	ASSERT_EQ(0, out(self->addr, self->len));
	ASSERT_EQ(0, sm_migrate(0, sm_from(), sm_to()));
	EXPECT_EQ(0, sm_bad(self->addr, self->len, SEED));
	EXPECT_EQ(pages, sm_on_node(0, self->addr, self->len, self->target));
}

SM_TEST_F(refault, in_swap_already)
{
	anonymous(_metadata, self);
	follows(_metadata, self, sm_swap_out);
}

/* Some of the pages may still be in the swap cache. */
SM_TEST_F(refault, in_swap_cache)
{
	anonymous(_metadata, self);
	follows(_metadata, self, sm_page_out);
}

SM_TEST_F(refault, in_swap_already_shared)
{
	shared_anonymous(_metadata, self);
	follows(_metadata, self, sm_page_out);
}

/* What was swapped out from another node is not sent anywhere. */
SM_TEST_F(refault, in_swap_from_elsewhere)
{
	int last;

	SM_NEED(sm_lacks_nodes(3));
	last = sm_node(2);
	anonymous(_metadata, self);
	ASSERT_EQ(0, sm_unbind());
	ASSERT_EQ(0, sm_swap_out(self->addr, self->len));
	ASSERT_EQ(0, sm_migrate(0, sm_to(), sm_bit(last)));
	EXPECT_EQ(0, sm_bad(self->addr, self->len, SEED));
	EXPECT_EQ(0, sm_on_node(0, self->addr, self->len, last));
}

/* Each page goes with those of the node that it was swapped out from. */
SM_TEST_F(refault, in_swap_from_two_nodes)
{
	size_t half = self->len / 2;
	int i;

	SM_NEED(sm_lacks_nodes(4));
	self->addr = sm_map(self->len);
	ASSERT_TRUE(!!self->addr);
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, sm_bind(sm_node(i)));
		sm_fill(self->addr + i * half, half, SEED + i);
	}
	ASSERT_EQ(0, sm_unbind());
	ASSERT_EQ(0, sm_swap_out(self->addr, self->len));
	ASSERT_EQ(0, sm_migrate(0, sm_bit(sm_node(0)) | sm_bit(sm_node(1)),
				sm_bit(sm_node(2)) | sm_bit(sm_node(3))));
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(0, sm_bad(self->addr + i * half, half, SEED + i));
		EXPECT_EQ(sm_pages(half), sm_on_node(0, self->addr + i * half,
						     half, sm_node(2 + i)));
	}
}

/* Pages that were read from a disk, but not written to since, have kept their slots. */
static void arrives_with_slots(SM_ARGS(refault))
{
	anonymous(_metadata, self);
	departs(_metadata, self, self->addr);
	arrives(_metadata, self, self->addr);
}

/* They are sent back, and so is what will be in the slots. */
static void comes_back(SM_ARGS(refault))
{
	long pages = sm_pages(self->len);

	ASSERT_EQ(0, sm_migrate(0, sm_to(), sm_from()));
	EXPECT_EQ(pages, sm_on_node(0, self->addr, self->len, sm_node(0)));
	ASSERT_EQ(0, sm_swap_out(self->addr, self->len));
	EXPECT_EQ(0, sm_bad(self->addr, self->len, SEED));
	EXPECT_EQ(pages, sm_on_node(0, self->addr, self->len, sm_node(0)));
}

SM_TEST_F(refault, moved_back_with_slots)
{
	SM_NEED(variant->dev == SM_DISK ? NULL : "zram takes its slots back");
	arrives_with_slots(_metadata, self);
	ASSERT_EQ(0, sm_prefer("direct"));
	comes_back(_metadata, self);
}

/* Somebody else has moved the pages before. */
SM_TEST_F(refault, there_already_with_slots)
{
	SM_NEED(variant->dev == SM_DISK ? NULL : "zram takes its slots back");
	arrives_with_slots(_metadata, self);
	ASSERT_EQ(0, sm_move_pages(self->addr, self->len, sm_node(0)));
	comes_back(_metadata, self);
}

/* Some pages are in swap, some not: each chunk has both. */
SM_TEST_F(refault, in_swap_in_part)
{
	long pages = sm_pages(self->len), i;

	anonymous(_metadata, self);
	ASSERT_EQ(0, sm_unbind());
	for (i = 0; i < pages; i += 16)
		ASSERT_EQ(0, sm_swap_out(self->addr + i * sm_page,
					 8 * sm_page));
	ASSERT_EQ(pages / 2, sm_on_node(0, self->addr, self->len, sm_node(0)));
	ASSERT_EQ(0, sm_migrate(0, sm_from(), sm_to()));
	EXPECT_EQ(0, sm_bad(self->addr, self->len, SEED));
	EXPECT_EQ(pages, sm_on_node(0, self->addr, self->len, self->target));
}

/* The last call counts, if memory stays in swap between them. */
static void sent_on(SM_ARGS(refault), const char *path)
{
	int last;

	SM_NEED(sm_lacks_nodes(3));
	last = sm_node(2);
	/* The first call is to leave it in swap. */
	ASSERT_EQ(0, sm_prefer("swap"));
	self->direct = false;
	departs(_metadata, self, self->addr);
	ASSERT_EQ(0, sm_prefer(path));
	ASSERT_EQ(0, sm_migrate(0, sm_to(), sm_bit(last)));
	self->target = last;
	arrives(_metadata, self, self->addr);
}

SM_TEST_F(refault, sent_on_in_swap)
{
	anonymous(_metadata, self);
	sent_on(_metadata, self, variant->path);
}

SM_TEST_F(refault, sent_on_in_swap_shared)
{
	shared_anonymous(_metadata, self);
	sent_on(_metadata, self, variant->path);
}

/* Back where it came from, and never touched in between. */
SM_TEST_F(refault, sent_back_in_swap)
{
	anonymous(_metadata, self);
	ASSERT_EQ(0, sm_prefer("swap"));
	self->direct = false;
	departs(_metadata, self, self->addr);
	ASSERT_EQ(0, sm_prefer(variant->path));
	ASSERT_EQ(0, sm_migrate(0, sm_to(), sm_from()));
	self->target = sm_node(0);
	arrives(_metadata, self, self->addr);
}

/* A policy for new memory has no say, and is none the worse for it. */
static void bound_to_source(SM_ARGS(refault))
{
	unsigned long nodes;
	int mode;

	ASSERT_EQ(0, sm_mbind(self->addr, self->len, MPOL_BIND, sm_from()));
	departs(_metadata, self, self->addr);
	arrives(_metadata, self, self->addr);
	ASSERT_EQ(0, sm_policy(self->addr, &mode, &nodes));
	EXPECT_EQ(MPOL_BIND, mode);
	EXPECT_EQ(sm_from(), nodes);
}

SM_TEST_F(refault, policy_of_mapping)
{
	anonymous(_metadata, self);
	bound_to_source(_metadata, self);
}

SM_TEST_F(refault, policy_of_shared_memory)
{
	shared_anonymous(_metadata, self);
	bound_to_source(_metadata, self);
}

SM_TEST_F(refault, policy_of_task)
{
	unsigned long nodes;
	int mode;

	anonymous(_metadata, self);
	departs(_metadata, self, self->addr);
	ASSERT_EQ(0, sm_bind(sm_node(0)));
	arrives(_metadata, self, self->addr);
	ASSERT_EQ(0, sm_policy(NULL, &mode, &nodes));
	EXPECT_EQ(MPOL_BIND, mode);
	EXPECT_EQ(sm_from(), nodes);
}

/* mbind() names this very memory: that is the newer wish. */
static void bound_later(SM_ARGS(refault))
{
	departs(_metadata, self, self->addr);
	ASSERT_EQ(0, sm_mbind(self->addr, self->len / 2, MPOL_BIND, sm_from()));
	EXPECT_EQ(0, sm_bad(self->addr, self->len, SEED));
	/* What is there already stays, as always. */
	EXPECT_EQ(self->direct ? 0 : sm_pages(self->len / 2),
		  sm_on_node(0, self->addr, self->len / 2, sm_node(0)));
	EXPECT_EQ(sm_pages(self->len / 2),
		  sm_on_node(0, self->addr + self->len / 2, self->len / 2,
			     self->target));
	EXPECT_EQ(self->misses, sm_vmstat("swapmig_refault_miss"));
}

SM_TEST_F(refault, mbind_later)
{
	anonymous(_metadata, self);
	bound_later(_metadata, self);
}

SM_TEST_F(refault, mbind_later_shared)
{
	shared_anonymous(_metadata, self);
	bound_later(_metadata, self);
}

/* The pages are in memory again, but will go to the same slots without being written. */
SM_TEST_F(refault, mbind_later_with_slots)
{
	long pages = sm_pages(self->len);

	SM_NEED(variant->dev == SM_DISK ? NULL : "zram takes its slots back");
	arrives_with_slots(_metadata, self);
	ASSERT_EQ(0, sm_mbind(self->addr, self->len, MPOL_BIND, sm_from()));
	ASSERT_EQ(0, sm_swap_out(self->addr, self->len));
	EXPECT_EQ(0, sm_bad(self->addr, self->len, SEED));
	EXPECT_EQ(pages, sm_on_node(0, self->addr, self->len, sm_node(0)));
}

/* A task that may not use the node the memory was sent to. */
FIXTURE(forbidden)
{
	struct sm_buffer buf;
	struct sm_peer peer;
	char node[8];
	int version;
	int root;
};

FIXTURE_VARIANT(forbidden)
{
	enum sm_dev dev;
	int flags;
};

FIXTURE_VARIANT_ADD(forbidden, private_zram)
{
	.dev = SM_ZRAM, .flags = MAP_PRIVATE,
};

FIXTURE_VARIANT_ADD(forbidden, private_disk)
{
	.dev = SM_DISK, .flags = MAP_PRIVATE,
};

FIXTURE_VARIANT_ADD(forbidden, shared_zram)
{
	.dev = SM_ZRAM, .flags = MAP_SHARED,
};

FIXTURE_SETUP(forbidden)
{
	char cpus[256] = "";
	int fd;

	SM_BEGIN(2);
	SM_NEED(sm_lacks_path(SM_PATH));
	SM_NEED(sm_lacks_swap(variant->dev));
	self->root = sm_cgroup("cpuset", &self->version);
	if (self->root < 0)
		SM_NEED("the cpuset controller is not to be had");
	unlinkat(self->root, GROUP, AT_REMOVEDIR);
	ASSERT_EQ(0, mkdirat(self->root, GROUP, 0755));
	if (self->version == 1) {
		fd = openat(self->root, "cpuset.cpus", O_RDONLY);
		ASSERT_LE(0, fd);
		ASSERT_LT(0, read(fd, cpus, sizeof(cpus) - 1));
		close(fd);
		ASSERT_EQ(0, sm_write_at(self->root, GROUP "/cpuset.cpus",
					 cpus));
	}
	snprintf(self->node, sizeof(self->node), "%d", sm_node(0));
	ASSERT_EQ(0, sm_write_at(self->root, GROUP "/cpuset.mems",
				 self->node));
	ASSERT_EQ(0, sm_prefer("swap"));
	ASSERT_EQ(0, sm_swap_on(variant->dev, 64 * MIB));
	self->buf.len = LEN;
	self->buf.seed = SEED;
	self->buf.addr = sm_map_fd(-1, LEN, PROT_READ | PROT_WRITE,
				   variant->flags | MAP_ANONYMOUS);
	ASSERT_TRUE(!!self->buf.addr);
	ASSERT_EQ(0, sm_bind(sm_node(0)));
	sm_fill(self->buf.addr, LEN, SEED);
	ASSERT_EQ(0, sm_unbind());
}

FIXTURE_TEARDOWN(forbidden)
{
	sm_peer_end(&self->peer);
	unlinkat(self->root, GROUP, AT_REMOVEDIR);
	if (self->version == 2)
		sm_write_at(self->root, "cgroup.subtree_control", "-cpuset");
	close(self->root);
	munmap(self->buf.addr, LEN);
	sm_cleanup();
}

SM_TEST_F(forbidden, cpuset_wins)
{
	unsigned long from = sm_bit(sm_node(0)), to = sm_bit(sm_node(1));
	long pages = sm_pages(LEN);
	long long misses;

	/* It shares the memory, also when that is private. */
	ASSERT_EQ(0, sm_peer_start(&self->peer, sm_serve_buffer, &self->buf));
	ASSERT_EQ(0, sm_cgroup_attach(self->root, GROUP, self->peer.pid));
	ASSERT_EQ(pages, sm_on_node(0, self->buf.addr, LEN, sm_node(0)));
	ASSERT_EQ(0, sm_migrate(0, from, to));
	ASSERT_EQ(0, sm_in_memory(self->buf.addr, LEN));

	misses = sm_vmstat("swapmig_refault_miss");
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
	EXPECT_EQ(pages, sm_on_node(self->peer.pid, self->buf.addr, LEN,
				    sm_node(0)));
	EXPECT_LE(pages, sm_vmstat("swapmig_refault_miss") - misses);
	EXPECT_EQ(0, sm_bad(self->buf.addr, LEN, SEED));
}

TEST_HARNESS_MAIN
