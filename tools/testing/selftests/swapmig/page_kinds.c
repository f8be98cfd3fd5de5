// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every kind of user page that swap can take leaves its node, and comes back
 * with its content, whichever device swap is on. The page cache of files moves.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/shm.h>
#include <sys/stat.h>

#include "../kselftest_harness.h"
#include "util.h"

#define LEN	(8 * MIB)
#define SEED	7

#ifndef MFD_CLOEXEC
#define MFD_CLOEXEC	1
#endif

FIXTURE(kinds)
{
	char *addr;
	char *more;
	size_t len;
	int fd;
	bool huge;		/* shared memory */
	struct sm_peer peer;
};

FIXTURE_VARIANT(kinds)
{
	enum sm_dev dev;
};

FIXTURE_VARIANT_ADD(kinds, zram)
{
	.dev = SM_ZRAM,
};

FIXTURE_VARIANT_ADD(kinds, disk)
{
	.dev = SM_DISK,
};

FIXTURE_SETUP(kinds)
{
	SM_BEGIN(2);
	SM_SWAP_ON(variant->dev, 128 * MIB);
	self->fd = -1;
	self->len = LEN;
	/* All memory from here on, page cache too, until it is to migrate. */
	ASSERT_EQ(0, sm_bind(sm_node(0)));
}

FIXTURE_TEARDOWN(kinds)
{
	sm_peer_end(&self->peer);
	if (self->addr)
		munmap(self->addr, self->len);
	if (self->more)
		munmap(self->more, self->len);
	if (self->fd >= 0)
		close(self->fd);
	sm_unbind();
	sm_cleanup();
}

/* The memory at @addr is on the source node; none of it after the call. */
static void leaves(SM_ARGS(kinds), void *addr)
{
	long long evicted, failed;
	long pages = sm_pages(self->len);

	ASSERT_EQ(0, sm_unbind());
	ASSERT_EQ(pages, sm_on_node(0, addr, self->len, sm_node(0)));
	evicted = sm_vmstat("swapmig_evicted");
	failed = sm_vmstat("swapmig_failed");

	EXPECT_EQ(0, sm_migrate(0, sm_from(), sm_to()));

	EXPECT_EQ(0, sm_present(0, addr, self->len));
	/* Not in the page cache or the swap cache either. */
	EXPECT_EQ(0, sm_in_memory(addr, self->len));
	EXPECT_LE(pages, sm_vmstat("swapmig_evicted") - evicted);
	EXPECT_EQ(failed, sm_vmstat("swapmig_failed"));
}

/* Private memory that left is in swap, page by page. */
static void leaves_for_swap(SM_ARGS(kinds), void *addr)
{
	leaves(_metadata, self, addr);
	EXPECT_EQ(sm_pages(self->len), sm_swapped(0, addr, self->len));
}

/* The page cache of a file at @addr is all on the target node right after the call. */
static void moves(SM_ARGS(kinds), void *addr)
{
	long long evicted, moved, failed;
	long pages = sm_pages(self->len), others = -pages;
	int nr_nodes = __builtin_popcountl(sm_all_nodes());

	ASSERT_EQ(0, sm_unbind());
	ASSERT_EQ(pages, sm_on_node(0, addr, self->len, sm_node(0)));
	evicted = sm_vmstat("swapmig_evicted");
	moved = sm_vmstat("swapmig_moved");
	failed = sm_vmstat("swapmig_failed");
	/*
	 * Other pages of the process may be evicted: its stack, its heap. One that
	 * is on another node yet may be copied to this one.
	 */
	for (int i = 0; i < nr_nodes; i++)
		others += sm_mapped_on_node(0, sm_node(i));

	EXPECT_EQ(0, sm_migrate(0, sm_from(), sm_to()));

	EXPECT_EQ(pages, sm_on_node(0, addr, self->len, sm_node(1)));
	EXPECT_EQ(pages, sm_in_memory(addr, self->len));
	EXPECT_LE(pages, sm_vmstat("swapmig_moved") - moved);
	EXPECT_GE(others, sm_vmstat("swapmig_evicted") - evicted);
	EXPECT_EQ(failed, sm_vmstat("swapmig_failed"));
}

/* It has its content when it comes back, and can be written again. */
static void returns(SM_ARGS(kinds), void *addr)
{
	EXPECT_EQ(0, sm_bad(addr, self->len, SEED));
	EXPECT_EQ(sm_pages(self->len), sm_present(0, addr, self->len));
}

static void rewritable(SM_ARGS(kinds), void *addr)
{
	sm_fill(addr, self->len, SEED + 1);
	EXPECT_EQ(0, sm_bad(addr, self->len, SEED + 1));
}

SM_TEST_F(kinds, anonymous)
{
	self->addr = sm_map(self->len);
	ASSERT_TRUE(!!self->addr);
	sm_fill(self->addr, self->len, SEED);
	leaves_for_swap(_metadata, self, self->addr);
	returns(_metadata, self, self->addr);
	rewritable(_metadata, self, self->addr);
}

SM_TEST_F(kinds, anonymous_read_only)
{
	self->addr = sm_map(self->len);
	ASSERT_TRUE(!!self->addr);
	sm_fill(self->addr, self->len, SEED);
	ASSERT_EQ(0, mprotect(self->addr, self->len, PROT_READ));
	leaves_for_swap(_metadata, self, self->addr);
	returns(_metadata, self, self->addr);
}

SM_TEST_F(kinds, anonymous_no_access)
{
	self->addr = sm_map(self->len);
	ASSERT_TRUE(!!self->addr);
	sm_fill(self->addr, self->len, SEED);
	ASSERT_EQ(0, sm_unbind());
	ASSERT_EQ(sm_pages(self->len),
		  sm_on_node(0, self->addr, self->len, sm_node(0)));
	ASSERT_EQ(0, mprotect(self->addr, self->len, PROT_NONE));
	/* move_pages() does not see these, but pagemap does. */
	EXPECT_EQ(0, sm_migrate(0, sm_from(), sm_to()));
	EXPECT_EQ(sm_pages(self->len), sm_swapped(0, self->addr, self->len));
	EXPECT_EQ(0, sm_in_memory(self->addr, self->len));
	ASSERT_EQ(0, mprotect(self->addr, self->len, PROT_READ));
	returns(_metadata, self, self->addr);
}

/* A page here and there in much address space. */
SM_TEST_F(kinds, anonymous_sparse)
{
	size_t step = SM_HUGE + sm_page, nr = 200, i;

	self->len = nr * step;
	self->addr = sm_map(self->len);
	ASSERT_TRUE(!!self->addr);
	for (i = 0; i < nr; i++)
		sm_fill(self->addr + i * step, sm_page, i);
	ASSERT_EQ(0, sm_unbind());
	ASSERT_EQ((long)nr, sm_on_node(0, self->addr, self->len, sm_node(0)));
	EXPECT_EQ(0, sm_migrate(0, sm_from(), sm_to()));
	EXPECT_EQ(0, sm_present(0, self->addr, self->len));
	EXPECT_EQ((long)nr, sm_swapped(0, self->addr, self->len));
	EXPECT_EQ(0, sm_in_memory(self->addr, self->len));
	for (i = 0; i < nr; i++)
		EXPECT_EQ(0, sm_bad(self->addr + i * step, sm_page, i));
}

/* Pages that were used a moment ago, again and again. */
SM_TEST_F(kinds, anonymous_hot)
{
	int i;

	self->addr = sm_map(self->len);
	ASSERT_TRUE(!!self->addr);
	sm_fill(self->addr, self->len, SEED);
	for (i = 0; i < 10; i++)
		sm_touch(self->addr, self->len);
	leaves_for_swap(_metadata, self, self->addr);
	returns(_metadata, self, self->addr);
}

/* Clean pages that have a copy in swap from the last time. */
SM_TEST_F(kinds, anonymous_again)
{
	int i;

	self->addr = sm_map(self->len);
	ASSERT_TRUE(!!self->addr);
	sm_fill(self->addr, self->len, SEED);
	for (i = 0; i < 3; i++) {
		leaves_for_swap(_metadata, self, self->addr);
		ASSERT_EQ(0, sm_bind(sm_node(0)));
		returns(_metadata, self, self->addr);
		/* Some of them become dirty, so their copy is stale. */
		sm_fill(self->addr, self->len / 2, SEED);
		ASSERT_EQ(0, sm_unbind());
		/* They are all to start from the same node again. */
		EXPECT_LE(0, sm_migrate(0, sm_all_nodes() & ~sm_from(),
					sm_from()));
		ASSERT_EQ(0, sm_bind(sm_node(0)));
		sm_touch(self->addr, self->len);
	}
	returns(_metadata, self, self->addr);
}

SM_TEST_F(kinds, huge)
{
	self->addr = sm_map_huge(self->len);
	if (!self->addr)
		SKIP(return, "no transparent huge pages");
	sm_fill(self->addr, self->len, SEED);
	SM_NEED(sm_lacks_huge_at(self->addr, self->len));
	leaves_for_swap(_metadata, self, self->addr);
	returns(_metadata, self, self->addr);
	rewritable(_metadata, self, self->addr);
}

/* Huge pages of which a part is no longer mapped, or mapped by pages. */
SM_TEST_F(kinds, huge_in_pieces)
{
	char *p;
	long gone;

	self->addr = sm_map_huge(self->len);
	if (!self->addr)
		SKIP(return, "no transparent huge pages");
	sm_fill(self->addr, self->len, SEED);
	SM_NEED(sm_lacks_huge_at(self->addr, self->len));
	/* The second has a page with another protection, the third a hole. */
	p = self->addr + SM_HUGE;
	ASSERT_EQ(0, mprotect(p + 5 * sm_page, sm_page, PROT_READ));
	p += SM_HUGE;
	ASSERT_EQ(0, madvise(p, SM_HUGE / 4, MADV_DONTNEED));
	gone = sm_pages(SM_HUGE / 4);
	ASSERT_EQ(0, sm_unbind());

	EXPECT_EQ(0, sm_migrate(0, sm_from(), sm_to()));
	EXPECT_EQ(0, sm_present(0, self->addr, self->len));
	EXPECT_EQ(0, sm_in_memory(self->addr, self->len));
	EXPECT_EQ(sm_pages(self->len) - gone,
		  sm_swapped(0, self->addr, self->len));
	/* The hole has turned to zeros, nothing else has. */
	EXPECT_EQ(gone, sm_bad(self->addr, self->len, SEED));
	EXPECT_EQ(gone, sm_bad(p, SM_HUGE / 4, SEED));
}

/* Shared memory is of huge pages from here on. */
static void use_huge_shmem(SM_ARGS(kinds))
{
	SM_NEED(sm_lacks_path(SM_HUGE_SHMEM));
	ASSERT_EQ(0, sm_set(SM_HUGE_SHMEM, "always"));
	self->huge = true;
}

static void fill_shared(SM_ARGS(kinds))
{
	ASSERT_TRUE(!!self->addr);
	sm_fill(self->addr, self->len, SEED);
	if (self->huge)
		SM_NEED(sm_lacks_huge_at(self->addr, self->len));
}

static void leaves_and_returns(SM_ARGS(kinds))
{
	leaves(_metadata, self, self->addr);
	returns(_metadata, self, self->addr);
	rewritable(_metadata, self, self->addr);
}

static void shared_anonymous(SM_ARGS(kinds))
{
	self->addr = sm_map_shared(-1, self->len, self->huge);
	fill_shared(_metadata, self);
	leaves_and_returns(_metadata, self);
}

SM_TEST_F(kinds, shared_anonymous)
{
	shared_anonymous(_metadata, self);
}

SM_TEST_F(kinds, shared_anonymous_huge)
{
	use_huge_shmem(_metadata, self);
	shared_anonymous(_metadata, self);
}

static void sysv_shm(SM_ARGS(kinds))
{
	int id = shmget(IPC_PRIVATE, self->len, IPC_CREAT | 0600);
	void *p;

	ASSERT_LE(0, id);
	p = shmat(id, NULL, 0);
	ASSERT_EQ(0, shmctl(id, IPC_RMID, NULL));
	ASSERT_NE((void *)-1, p);
	self->addr = p;
	if (self->huge)
		ASSERT_EQ(0, madvise(p, self->len, MADV_HUGEPAGE));
	fill_shared(_metadata, self);
	leaves_and_returns(_metadata, self);
}

SM_TEST_F(kinds, sysv_shm)
{
	sysv_shm(_metadata, self);
}

SM_TEST_F(kinds, sysv_shm_huge)
{
	use_huge_shmem(_metadata, self);
	sysv_shm(_metadata, self);
}

static void shared_file(SM_ARGS(kinds))
{
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ftruncate(self->fd, self->len));
	self->addr = sm_map_shared(self->fd, self->len, self->huge);
	fill_shared(_metadata, self);
}

static void memfd(SM_ARGS(kinds))
{
	self->fd = memfd_create("swapmig", MFD_CLOEXEC);
	shared_file(_metadata, self);
	leaves_and_returns(_metadata, self);
}

SM_TEST_F(kinds, memfd)
{
	memfd(_metadata, self);
}

SM_TEST_F(kinds, memfd_huge)
{
	use_huge_shmem(_metadata, self);
	memfd(_metadata, self);
}

static void tmpfs_file(SM_ARGS(kinds))
{
	self->fd = sm_tmpfs_file(self->huge ? "always" : "never");
	shared_file(_metadata, self);
}

static void tmpfs(SM_ARGS(kinds))
{
	char page[sm_page];

	tmpfs_file(_metadata, self);
	leaves(_metadata, self, self->addr);
	/* Half of it comes back by read(), the rest by faults. */
	for (long i = 0; i < sm_pages(self->len) / 2; i++) {
		ASSERT_EQ((ssize_t)sm_page,
			  pread(self->fd, page, sm_page, i * sm_page));
		ASSERT_TRUE(sm_page_is(page, SEED, i));
	}
	returns(_metadata, self, self->addr);
	rewritable(_metadata, self, self->addr);
}

SM_TEST_F(kinds, tmpfs)
{
	tmpfs(_metadata, self);
}

SM_TEST_F(kinds, tmpfs_huge)
{
	use_huge_shmem(_metadata, self);
	tmpfs(_metadata, self);
}

/* Mapped twice, at different places and by different processes. */
static void tmpfs_of_two_processes(SM_ARGS(kinds))
{
	struct sm_buffer buf = { .len = self->len, .seed = SEED,
				 .node = sm_node(0) };

	tmpfs_file(_metadata, self);
	self->more = sm_map_shared(self->fd, self->len, self->huge);
	ASSERT_TRUE(!!self->more);
	buf.addr = self->more;
	ASSERT_EQ(0, sm_peer_start(&self->peer, sm_serve_buffer, &buf));
	ASSERT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_TOUCH));
	ASSERT_EQ(sm_pages(self->len),
		  sm_present(self->peer.pid, self->more, self->len));

	leaves(_metadata, self, self->addr);
	EXPECT_EQ(0, sm_present(self->peer.pid, self->more, self->len));
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
	returns(_metadata, self, self->addr);
	rewritable(_metadata, self, self->addr);
	/* It is still one memory. */
	EXPECT_EQ(sm_pages(self->len),
		  sm_peer_ask(&self->peer, SM_PEER_BAD));
}

SM_TEST_F(kinds, tmpfs_of_two_processes)
{
	tmpfs_of_two_processes(_metadata, self);
}

SM_TEST_F(kinds, tmpfs_of_two_processes_huge)
{
	use_huge_shmem(_metadata, self);
	tmpfs_of_two_processes(_metadata, self);
}

/* Huge pages that are mapped by pages, or of which a part is no longer there. */
SM_TEST_F(kinds, tmpfs_huge_in_pieces)
{
	long gone = sm_pages(SM_HUGE / 4);
	char *p;

	use_huge_shmem(_metadata, self);
	tmpfs_file(_metadata, self);
	/* The second has a page with another protection, the third a hole. */
	p = self->addr + SM_HUGE;
	ASSERT_EQ(0, mprotect(p + 5 * sm_page, sm_page, PROT_READ));
	sm_touch(p, SM_HUGE);
	p += SM_HUGE;
	ASSERT_EQ(0, fallocate(self->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			       p - self->addr, SM_HUGE / 4));
	sm_touch(p + SM_HUGE / 4, SM_HUGE * 3 / 4);
	ASSERT_EQ(0, sm_unbind());
	ASSERT_EQ(sm_pages(self->len) - gone,
		  sm_on_node(0, self->addr, self->len, sm_node(0)));

	EXPECT_EQ(0, sm_migrate(0, sm_from(), sm_to()));
	EXPECT_EQ(0, sm_present(0, self->addr, self->len));
	EXPECT_EQ(0, sm_in_memory(self->addr, self->len));
	/* The hole has turned to zeros, nothing else has. */
	EXPECT_EQ(gone, sm_bad(self->addr, self->len, SEED));
	EXPECT_EQ(gone, sm_bad(p, SM_HUGE / 4, SEED));
}

static void ext4_file(SM_ARGS(kinds))
{
	self->fd = sm_ext4_file();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, sm_fill_file(self->fd, self->len, SEED));
}

SM_TEST_F(kinds, file_private_clean)
{
	SM_NEED(sm_lacks_ext4());
	ext4_file(_metadata, self);
	ASSERT_EQ(0, fsync(self->fd));
	self->addr = sm_map_fd(self->fd, self->len, PROT_READ, MAP_PRIVATE);
	ASSERT_TRUE(!!self->addr);
	ASSERT_EQ(0, sm_bad(self->addr, self->len, SEED));
	moves(_metadata, self, self->addr);
	returns(_metadata, self, self->addr);
}

/* Copied on write, so anonymous; the file's own pages are not mapped. */
SM_TEST_F(kinds, file_private_written)
{
	SM_NEED(sm_lacks_ext4());
	ext4_file(_metadata, self);
	self->addr = sm_map_fd(self->fd, self->len, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE);
	ASSERT_TRUE(!!self->addr);
	sm_fill(self->addr, self->len, SEED + 1);
	ASSERT_EQ(0, sm_unbind());
	ASSERT_EQ(sm_pages(self->len),
		  sm_on_node(0, self->addr, self->len, sm_node(0)));
	EXPECT_EQ(0, sm_migrate(0, sm_from(), sm_to()));
	EXPECT_EQ(0, sm_present(0, self->addr, self->len));
	EXPECT_EQ(sm_pages(self->len), sm_swapped(0, self->addr, self->len));
	EXPECT_EQ(0, sm_bad(self->addr, self->len, SEED + 1));

	/* The file never saw that. */
	self->more = sm_map_fd(self->fd, self->len, PROT_READ, MAP_SHARED);
	ASSERT_TRUE(!!self->more);
	EXPECT_EQ(0, sm_bad(self->more, self->len, SEED));
}

SM_TEST_F(kinds, file_shared_clean)
{
	SM_NEED(sm_lacks_ext4());
	ext4_file(_metadata, self);
	ASSERT_EQ(0, fsync(self->fd));
	self->addr = sm_map_fd(self->fd, self->len, PROT_READ | PROT_WRITE,
			       MAP_SHARED);
	ASSERT_TRUE(!!self->addr);
	ASSERT_EQ(0, sm_bad(self->addr, self->len, SEED));
	moves(_metadata, self, self->addr);
	returns(_metadata, self, self->addr);
	rewritable(_metadata, self, self->addr);
}

/* What is on the disk itself. */
static long bad_on_disk(int file, size_t len, uint64_t seed)
{
	long bad = 0;
	void *page;
	size_t i;
	int fd;

	fd = sm_reopen(file, O_RDONLY | O_DIRECT);
	if (fd < 0)
		return -1;
	if (posix_memalign(&page, sm_page, sm_page))
		return -1;
	for (i = 0; i < len / sm_page; i++)
		bad += pread(fd, page, sm_page, i * sm_page) != (ssize_t)sm_page ||
		       !sm_page_is(page, seed, i);
	free(page);
	close(fd);
	return bad;
}

SM_TEST_F(kinds, file_shared_dirty)
{
	SM_NEED(sm_lacks_ext4());
	ext4_file(_metadata, self);
	ASSERT_EQ(0, fsync(self->fd));
	self->addr = sm_map_fd(self->fd, self->len, PROT_READ | PROT_WRITE,
			       MAP_SHARED);
	ASSERT_TRUE(!!self->addr);
	sm_fill(self->addr, self->len, SEED + 1);
	moves(_metadata, self, self->addr);
	/* The pages are still dirty: a direct read has them written first. */
	EXPECT_EQ(0, bad_on_disk(self->fd, self->len, SEED + 1));
	EXPECT_EQ(0, sm_bad(self->addr, self->len, SEED + 1));
}

/* A file that was never written back before: no blocks yet. */
SM_TEST_F(kinds, file_shared_new)
{
	SM_NEED(sm_lacks_ext4());
	self->fd = sm_ext4_file();
	shared_file(_metadata, self);
	moves(_metadata, self, self->addr);
	EXPECT_EQ(0, bad_on_disk(self->fd, self->len, SEED));
	returns(_metadata, self, self->addr);
}

/* Map two areas that have all pages in common. */
static void merged(SM_ARGS(kinds))
{
	self->addr = sm_map(self->len);
	self->more = sm_map(self->len);
	ASSERT_TRUE(self->addr && self->more);
	sm_fill(self->addr, self->len, SEED);
	sm_fill(self->more, self->len, SEED);
	ASSERT_EQ(0, madvise(self->addr, self->len, MADV_MERGEABLE));
	ASSERT_EQ(0, madvise(self->more, self->len, MADV_MERGEABLE));
	ASSERT_EQ(0, sm_merge(sm_pages(self->len)));
	ASSERT_EQ(0, sm_unbind());
}

SM_TEST_F(kinds, ksm)
{
	long want = sm_pages(self->len), i;

	SM_NEED(sm_lacks_ksm());
	merged(_metadata, self);
	ASSERT_EQ(want, sm_on_node(0, self->more, self->len, sm_node(0)));

	leaves(_metadata, self, self->addr);
	EXPECT_EQ(0, sm_present(0, self->more, self->len));
	EXPECT_EQ(0, sm_in_memory(self->more, self->len));
	EXPECT_EQ(want, sm_swapped(0, self->more, self->len));
	returns(_metadata, self, self->addr);
	/* Two memories, though they had been one page. */
	rewritable(_metadata, self, self->addr);
	for (i = 0; i < want; i++)
		ASSERT_TRUE(sm_page_is(self->more + i * sm_page, SEED, i));
}

/* KSM still knows the pages, but only one page-table entry maps each. */
SM_TEST_F(kinds, ksm_alone)
{
	SM_NEED(sm_lacks_ksm());
	merged(_metadata, self);
	ASSERT_EQ(0, munmap(self->more, self->len));
	self->more = NULL;
	leaves_and_returns(_metadata, self);
}

/* A page that may be thrown away is either whole or zero afterwards. */
SM_TEST_F(kinds, madv_free)
{
	char zero[sm_page];
	long i, half = sm_pages(self->len) / 2;
	char *p;

	memset(zero, 0, sm_page);
	self->addr = sm_map(self->len);
	ASSERT_TRUE(!!self->addr);
	sm_fill(self->addr, self->len, SEED);
	ASSERT_EQ(0, madvise(self->addr, self->len, MADV_FREE));
	/* The second half is wanted again. */
	for (i = half; i < 2 * half; i++)
		sm_fill_page(self->addr + i * sm_page, SEED, i);
	p = self->addr + half * sm_page;
	leaves(_metadata, self, self->addr);
	EXPECT_EQ(half, sm_swapped(0, p, half * sm_page));
	for (i = 0; i < half; i++) {
		p = self->addr + i * sm_page;
		ASSERT_TRUE(sm_page_is(p, SEED, i) || !memcmp(p, zero, sm_page));
	}
	for (i = half; i < 2 * half; i++)
		ASSERT_TRUE(sm_page_is(self->addr + i * sm_page, SEED, i));
}

/* Memory that was only read is the zero page: it has no node to leave. */
SM_TEST_F(kinds, never_written)
{
	self->addr = sm_map(self->len);
	ASSERT_TRUE(!!self->addr);
	sm_touch(self->addr, self->len);
	ASSERT_EQ(0, sm_unbind());
	EXPECT_EQ(0, sm_migrate(0, sm_from(), sm_to()));
	for (size_t i = 0; i < self->len; i += sm_page)
		ASSERT_EQ(0, self->addr[i]);
}

/* Private memory of two processes since a fork. */
SM_TEST_F(kinds, anonymous_forked)
{
	struct sm_buffer buf = { .len = self->len, .seed = SEED,
				 .node = sm_node(0) };

	self->addr = sm_map(self->len);
	ASSERT_TRUE(!!self->addr);
	sm_fill(self->addr, self->len, SEED);
	buf.addr = self->addr;
	ASSERT_EQ(0, sm_peer_start(&self->peer, sm_serve_buffer, &buf));
	leaves_for_swap(_metadata, self, self->addr);
	EXPECT_EQ(0, sm_present(self->peer.pid, self->addr, self->len));
	returns(_metadata, self, self->addr);
	rewritable(_metadata, self, self->addr);
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
}

TEST_HARNESS_MAIN
