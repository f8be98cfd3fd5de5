// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two users on one machine. A call by one of them neither moves nor evicts memory
 * of the other, even where they share frames or swap slots.
 */
#include <linux/mempolicy.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "util.h"

#define LEN	MIB
#define SEED	61
#define MALLORY	SM_NOBODY		/* the one who calls */
#define BOB	12345			/* the one who is to notice nothing */

FIXTURE(users)
{
	struct sm_peer mallory;
	struct sm_peer bob;
	struct sm_buffer buf;
	int shm;
};

FIXTURE_VARIANT(users)
{
	const char *path;
};

FIXTURE_VARIANT_ADD(users, swap)
{
	.path = "swap",
};

FIXTURE_VARIANT_ADD(users, direct)
{
	.path = "direct",
};

enum {
	BECOME = 1000, RUN_ON_FIRST = 100, MIGRATE, PAGE_OUT, MERGE, ATTACH,
	KEEP_FIRST_HALF, KEEP_SECOND_HALF, SET_ASTRIDE,
};

/* Of a huge page, which is in pieces from then on. */
static long keep_half(struct _test_data_users *self, int half)
{
	char *other = self->buf.addr + (1 - half) * LEN;

	self->buf.addr += half * LEN;
	return munmap(other, LEN);
}

/* Where two page tables are needed to map it; returns the address. */
static long set_astride(struct _test_data_users *self)
{
	char *p = sm_map_huge(2 * SM_HUGE);

	if (!p)
		return 0;
	p = mremap(self->buf.addr, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED,
		   p + SM_HUGE - LEN / 2);
	if (p == MAP_FAILED)
		return 0;
	self->buf.addr = p;
	return (long)p;
}

static long serve(int what, void *arg)
{
	struct _test_data_users *self = arg;
	unsigned long to = sm_bit(sm_node(1));
	void *p;

	switch (what) {
	case RUN_ON_FIRST:
		return sm_run_on(sm_node(0));
	case MIGRATE:
		return sm_migrate(0, sm_all_nodes() & ~to, to);
	case PAGE_OUT:
		return sm_page_out(self->buf.addr, LEN);
	case MERGE:
		return madvise(self->buf.addr, LEN, MADV_MERGEABLE);
	case KEEP_FIRST_HALF:
		return keep_half(self, 0);
	case KEEP_SECOND_HALF:
		return keep_half(self, 1);
	case SET_ASTRIDE:
		return set_astride(self);
	case ATTACH:
		p = shmat(self->shm, NULL, SHM_RDONLY);
		if (p == (void *)-1)
			return -1;
		self->buf.addr = p;
		return 0;
	}
	if (what >= BECOME)
		return sm_become(what - BECOME);
	return sm_serve_buffer(what, &self->buf);
}

FIXTURE_SETUP(users)
{
	SM_BEGIN(2);
	SM_NEED(sm_lacks_cpu(sm_node(0)));
	SM_SWAP_ON(SM_ZRAM, 64 * MIB);
	ASSERT_EQ(0, sm_prefer(variant->path));
	self->shm = -1;
	self->buf.len = LEN;
	self->buf.seed = SEED;
	self->buf.node = sm_node(0);
	self->buf.addr = sm_map(LEN);
	ASSERT_TRUE(!!self->buf.addr);
}

FIXTURE_TEARDOWN(users)
{
	sm_peer_end(&self->mallory);
	sm_peer_end(&self->bob);
	if (self->shm >= 0)
		shmctl(self->shm, IPC_RMID, NULL);
	sm_cleanup();
}

static void start(SM_ARGS(users))
{
	ASSERT_EQ(0, sm_peer_start(&self->bob, serve, self));
	ASSERT_EQ(0, sm_peer_start(&self->mallory, serve, self));
	ASSERT_EQ(0, sm_peer_ask(&self->bob, RUN_ON_FIRST));
	ASSERT_EQ(0, sm_peer_ask(&self->mallory, RUN_ON_FIRST));
	ASSERT_EQ(0, sm_peer_ask(&self->bob, BECOME + BOB));
	ASSERT_EQ(0, sm_peer_ask(&self->mallory, BECOME + MALLORY));
}

/* All of Bob's memory is on the first node. */
static void in_place(SM_ARGS(users))
{
	EXPECT_EQ(sm_pages(LEN), sm_on_node(self->bob.pid, self->buf.addr, LEN,
					    sm_node(0)));
	EXPECT_EQ(0, sm_peer_ask(&self->bob, SM_PEER_BAD));
}

static void in_order(SM_ARGS(users))
{
	in_place(_metadata, self);
	EXPECT_EQ(0, sm_peer_ask(&self->mallory, SM_PEER_BAD));
}

static int fill_here(struct _test_data_users *self)
{
	if (sm_bind(sm_node(0)))
		return -1;
	sm_fill(self->buf.addr, LEN, SEED);
	return sm_unbind();
}

SM_TEST_F(users, frames_since_a_fork)
{
	ASSERT_EQ(0, fill_here(self));
	start(_metadata, self);
	/* Of ours there is nothing left. */
	ASSERT_EQ(0, madvise(self->buf.addr, LEN, MADV_DONTNEED));
	EXPECT_LE(0, sm_peer_ask(&self->mallory, MIGRATE));
	in_order(_metadata, self);
}

/* What Bob and Mallory have is in the same slots, and nowhere else. */
static void share_slots(SM_ARGS(users))
{
	ASSERT_EQ(0, fill_here(self));
	ASSERT_EQ(0, sm_page_out(self->buf.addr, LEN));
	start(_metadata, self);
	ASSERT_EQ(0, madvise(self->buf.addr, LEN, MADV_DONTNEED));
}

SM_TEST_F(users, slots_since_a_fork)
{
	share_slots(_metadata, self);
	EXPECT_LE(0, sm_peer_ask(&self->mallory, MIGRATE));
	ASSERT_EQ(0, sm_peer_ask(&self->bob, SM_PEER_BAD));
	in_order(_metadata, self);
}

/* Bob's pages are in frames again, which the slots will take in once more. */
SM_TEST_F(users, slots_of_frames)
{
	share_slots(_metadata, self);
	ASSERT_EQ(0, sm_peer_ask(&self->bob, SM_PEER_BAD));
	ASSERT_EQ(sm_pages(LEN), sm_swapped(self->mallory.pid, self->buf.addr,
					    LEN));
	EXPECT_LE(0, sm_peer_ask(&self->mallory, MIGRATE));
	in_place(_metadata, self);
	ASSERT_EQ(0, sm_peer_ask(&self->bob, PAGE_OUT));
	ASSERT_EQ(0, sm_peer_ask(&self->bob, SM_PEER_BAD));
	in_order(_metadata, self);
}

/* Bob's pages are in slots, and in frames only because Mallory has read them. */
SM_TEST_F(users, frames_of_slots)
{
	share_slots(_metadata, self);
	ASSERT_EQ(0, sm_peer_ask(&self->mallory, SM_PEER_BAD));
	ASSERT_EQ(sm_pages(LEN), sm_swapped(self->bob.pid, self->buf.addr, LEN));
	EXPECT_LE(0, sm_peer_ask(&self->mallory, MIGRATE));
	ASSERT_EQ(0, sm_peer_ask(&self->bob, SM_PEER_BAD));
	in_order(_metadata, self);
}

/* A huge page on the first node: Mallory has the first half, Bob the second. */
static void share_huge_page(SM_ARGS(users))
{
	munmap(self->buf.addr, LEN);
	self->buf.addr = sm_map_huge(SM_HUGE);
	if (!self->buf.addr)
		SM_NEED("there are no huge pages");
	ASSERT_EQ(0, fill_here(self));
	sm_fill(self->buf.addr + LEN, LEN, SEED);
	ASSERT_LT(0, sm_smaps(self->buf.addr, "AnonHugePages"));
	start(_metadata, self);
	ASSERT_EQ(0, sm_peer_ask(&self->mallory, KEEP_FIRST_HALF));
	ASSERT_EQ(0, sm_peer_ask(&self->bob, KEEP_SECOND_HALF));
	ASSERT_EQ(0, munmap(self->buf.addr, SM_HUGE));
}

/* No piece is mapped twice, but to take one would take them all. */
SM_TEST_F(users, halves_of_a_huge_page)
{
	share_huge_page(_metadata, self);
	EXPECT_LE(0, sm_peer_ask(&self->mallory, MIGRATE));
	EXPECT_EQ(sm_pages(LEN), sm_on_node(self->mallory.pid, self->buf.addr,
					    LEN, sm_node(0)));
	self->buf.addr += LEN;
	in_order(_metadata, self);
}

static void half_is_taken(SM_ARGS(users))
{
	EXPECT_LE(0, sm_peer_ask(&self->mallory, MIGRATE));
	EXPECT_EQ(0, sm_on_node(self->mallory.pid, self->buf.addr, LEN,
				sm_node(0)));
	EXPECT_EQ(0, sm_peer_ask(&self->mallory, SM_PEER_BAD));
}

/* A huge page in pieces is Mallory's if nobody else has any piece of it. */
SM_TEST_F(users, half_of_a_huge_page_of_ones_own)
{
	share_huge_page(_metadata, self);
	sm_peer_end(&self->bob);
	half_is_taken(_metadata, self);
}

SM_TEST_F(users, half_of_a_huge_page_astride)
{
	share_huge_page(_metadata, self);
	sm_peer_end(&self->bob);
	self->buf.addr = (char *)sm_peer_ask(&self->mallory, SET_ASTRIDE);
	ASSERT_TRUE(!!self->buf.addr);
	half_is_taken(_metadata, self);
}

SM_TEST_F(users, frames_that_were_merged)
{
	SM_NEED(sm_lacks_ksm());
	start(_metadata, self);
	ASSERT_EQ(0, sm_peer_ask(&self->bob, SM_PEER_FILL));
	ASSERT_EQ(0, sm_peer_ask(&self->mallory, SM_PEER_FILL));
	ASSERT_EQ(0, sm_peer_ask(&self->bob, MERGE));
	ASSERT_EQ(0, sm_peer_ask(&self->mallory, MERGE));
	ASSERT_EQ(0, sm_merge(sm_pages(LEN)));
	EXPECT_LE(0, sm_peer_ask(&self->mallory, MIGRATE));
	in_order(_metadata, self);
}

/* A segment that others may only read; its owner has it, but does not use it. */
SM_TEST_F(users, shared_memory)
{
	long pages = sm_pages(LEN);
	char *mine;

	self->shm = shmget(IPC_PRIVATE, LEN, IPC_CREAT | 0644);
	ASSERT_LE(0, self->shm);
	mine = shmat(self->shm, NULL, 0);
	ASSERT_NE((void *)-1, (void *)mine);
	ASSERT_EQ(0, sm_bind(sm_node(0)));
	sm_fill(mine, LEN, SEED);
	ASSERT_EQ(0, sm_unbind());
	shmdt(mine);

	start(_metadata, self);
	ASSERT_EQ(0, sm_peer_ask(&self->mallory, ATTACH));
	ASSERT_EQ(0, sm_peer_ask(&self->mallory, SM_PEER_BAD));
	EXPECT_LE(0, sm_peer_ask(&self->mallory, MIGRATE));
	/* Not one page had to be read back. */
	mine = shmat(self->shm, NULL, 0);
	ASSERT_NE((void *)-1, (void *)mine);
	EXPECT_EQ(pages, sm_in_memory(mine, LEN));
	EXPECT_EQ(0, sm_bad(mine, LEN, SEED));
	shmdt(mine);
}

TEST_HARNESS_MAIN
