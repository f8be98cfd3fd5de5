// SPDX-License-Identifier: GPL-2.0-only
/*
 * The migration of a process costs other processes nothing.
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "../kselftest_harness.h"
#include "util.h"

#define LEN	(8 * MIB)
#define SEED	23

FIXTURE(neighbours)
{
	unsigned long from;
	unsigned long to;
	int node;
	int there;
	char *addr;
	int fd;
	pid_t filler;
	struct sm_peer peer;
};

FIXTURE_VARIANT(neighbours)
{
	const char *path;
};

FIXTURE_VARIANT_ADD(neighbours, swap)
{
	.path = "swap",
};

FIXTURE_VARIANT_ADD(neighbours, direct)
{
	.path = "direct",
};

/*
 * The major faults that a touch of the file takes.  The program is in a tmpfs, so its
 * own pages may be in swap: run the code once before.
 */
static long serve_major_faults(int what, void *addr)
{
	struct rusage before = { }, after;

	sm_touch(&before, sm_page);
	getrusage(RUSAGE_SELF, &before);
	sm_touch(addr, LEN);
	getrusage(RUSAGE_SELF, &after);
	return after.ru_majflt - before.ru_majflt;
}

FIXTURE_SETUP(neighbours)
{
	self->fd = -1;
	SM_BEGIN(2);
	SM_NEED(sm_lacks_ext4());
	SM_NEED(sm_lacks_swap(SM_ZRAM));
	ASSERT_EQ(0, sm_swap_on(SM_ZRAM, 64 * MIB));
	ASSERT_EQ(0, sm_prefer(variant->path));
	self->node = sm_node(0);
	self->there = sm_node(1);
	self->from = sm_bit(self->node);
	self->to = sm_bit(self->there);

	ASSERT_EQ(0, sm_bind(self->node));
	self->fd = sm_ext4_file();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, sm_fill_file(self->fd, LEN, SEED));
	ASSERT_EQ(0, fsync(self->fd));
	self->addr = sm_map_fd(self->fd, LEN, PROT_READ | PROT_WRITE,
			       MAP_SHARED);
	ASSERT_TRUE(!!self->addr);
	ASSERT_EQ(0, sm_bad(self->addr, LEN, SEED));
	ASSERT_EQ(0, sm_unbind());
	ASSERT_EQ(sm_pages(LEN), sm_on_node(0, self->addr, LEN, self->node));

	/* Another process maps the file, too. */
	ASSERT_EQ(0, sm_peer_start(&self->peer, serve_major_faults, self->addr));
	ASSERT_LE(0, sm_peer_ask(&self->peer, 0));
}

FIXTURE_TEARDOWN(neighbours)
{
	if (self->filler > 0)
		sm_kill(self->filler);
	sm_peer_end(&self->peer);
	if (self->addr)
		munmap(self->addr, LEN);
	if (self->fd >= 0)
		close(self->fd);
	sm_unbind();
	sm_cleanup();
}

/* All of the file is on the new node, though nobody has touched it since. */
static void file_moves(SM_ARGS(neighbours), uint64_t seed)
{
	EXPECT_EQ(0, sm_migrate(0, self->from, self->to));

	EXPECT_EQ(sm_pages(LEN), sm_in_memory(self->addr, LEN));
	EXPECT_EQ(0, sm_peer_ask(&self->peer, 0));
	EXPECT_EQ(0, sm_bad(self->addr, LEN, seed));
	EXPECT_EQ(sm_pages(LEN),
		  sm_on_node(0, self->addr, LEN, self->there));
}

SM_TEST_F(neighbours, clean_file)
{
	file_moves(_metadata, self, SEED);
}

SM_TEST_F(neighbours, dirty_file)
{
	sm_fill(self->addr, LEN, SEED + 1);
	file_moves(_metadata, self, SEED + 1);
	EXPECT_EQ(0, fsync(self->fd));
}

/* What cannot be moved is dropped, as the caller owns the file. */
SM_TEST_F(neighbours, full_target)
{
	long there;

	self->filler = sm_fill_node(self->there);
	ASSERT_LT(0, self->filler);
	EXPECT_EQ(0, sm_migrate(0, self->from, self->to));
	EXPECT_EQ(0, sm_on_node(0, self->addr, LEN, self->node));

	/* The node had room for a few pages; the page cache has no others. */
	there = sm_on_node(0, self->addr, LEN, self->there);
	EXPECT_GT(sm_pages(LEN), there);
	EXPECT_LE(sm_in_memory(self->addr, LEN), there);
	EXPECT_EQ(0, sm_bad(self->addr, LEN, SEED));
}

TEST_HARNESS_MAIN
