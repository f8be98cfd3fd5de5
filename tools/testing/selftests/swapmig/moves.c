// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that swap cannot take but a move can: mlocked pages and hugetlb pages.
 * They are moved, whichever path is chosen.
 */
#include "../kselftest_harness.h"
#include "util.h"

#define LEN	(4 * MIB)
#define SEED	11

FIXTURE(moves)
{
	char *addr;
	size_t len;
};

FIXTURE_VARIANT(moves)
{
	const char *path;
};

FIXTURE_VARIANT_ADD(moves, swap)
{
	.path = "swap",
};

FIXTURE_VARIANT_ADD(moves, direct)
{
	.path = "direct",
};

FIXTURE_VARIANT_ADD(moves, auto)
{
	.path = "auto",
};

FIXTURE_SETUP(moves)
{
	SM_BEGIN(2);
	SM_SWAP_ON(SM_ZRAM, 64 * MIB);
	ASSERT_EQ(0, sm_prefer(variant->path));
	self->len = LEN;
	ASSERT_EQ(0, sm_bind(sm_node(0)));
}

FIXTURE_TEARDOWN(moves)
{
	if (self->addr)
		munmap(self->addr, self->len);
	sm_unbind();
	sm_cleanup();
}

/* The @pages from @addr on are on the target node at once, and counted so. */
static void move(SM_ARGS(moves), void *addr, long pages)
{
	long long moved = sm_vmstat("swapmig_moved");
	long long failed = sm_vmstat("swapmig_failed");

	ASSERT_EQ(0, sm_unbind());
	ASSERT_EQ(sm_pages(self->len),
		  sm_on_node(0, self->addr, self->len, sm_node(0)));
	EXPECT_EQ(0, sm_migrate(0, sm_from(), sm_to()));
	EXPECT_LE(pages, sm_vmstat("swapmig_moved") - moved);
	EXPECT_EQ(failed, sm_vmstat("swapmig_failed"));
	EXPECT_EQ(0, sm_on_node(0, self->addr, self->len, sm_node(0)));
	EXPECT_EQ(pages, sm_on_node(0, addr, pages * sm_page, sm_node(1)));
}

/* Where nothing can move these pages, they are counted as left behind. */
static void stay(SM_ARGS(moves))
{
	long pages = sm_pages(self->len);
	long long moved = sm_vmstat("swapmig_moved");
	long long failed = sm_vmstat("swapmig_failed");

	ASSERT_EQ(0, sm_unbind());
	EXPECT_EQ(pages, sm_migrate(0, sm_from(), sm_to()));
	/* The rest of the process is smaller. */
	EXPECT_GT(pages, sm_vmstat("swapmig_moved") - moved);
	EXPECT_EQ(failed + pages, sm_vmstat("swapmig_failed"));
	EXPECT_EQ(pages, sm_on_node(0, self->addr, self->len, sm_node(0)));
}

SM_TEST_F(moves, mlocked)
{
	self->addr = sm_map(self->len);
	ASSERT_TRUE(!!self->addr);
	sm_fill(self->addr, self->len, SEED);
	ASSERT_EQ(0, mlock(self->addr, self->len));
	move(_metadata, self, self->addr, sm_pages(self->len));
	EXPECT_EQ((long)self->len / 1024, sm_smaps(self->addr, "Locked"));
	EXPECT_EQ(0, sm_bad(self->addr, self->len, SEED));

	/* Once unlocked they are like any other. */
	ASSERT_EQ(0, munlock(self->addr, self->len));
	EXPECT_EQ(0, sm_migrate(0, sm_to(), sm_from()));
	EXPECT_EQ(0, sm_on_node(0, self->addr, self->len, sm_node(1)));
	EXPECT_EQ(0, sm_bad(self->addr, self->len, SEED));
	EXPECT_EQ(0, sm_on_node(0, self->addr, self->len, sm_node(1)));
}

SM_TEST_F(moves, mlocked_in_part)
{
	long locked = sm_pages(self->len) / 4;

	self->addr = sm_map(self->len);
	ASSERT_TRUE(!!self->addr);
	sm_fill(self->addr, self->len, SEED);
	ASSERT_EQ(0, mlock(self->addr + 64 * sm_page, locked * sm_page));
	move(_metadata, self, self->addr + 64 * sm_page, locked);
	EXPECT_EQ(0, sm_bad(self->addr, self->len, SEED));
}

SM_TEST_F(moves, mlocked_huge)
{
	bool whole;

	self->addr = sm_map_huge(self->len);
	if (!self->addr)
		SKIP(return, "no transparent huge pages");
	sm_fill(self->addr, self->len, SEED);
	SM_NEED(sm_lacks_huge_at(self->addr, self->len));
	whole = sm_moves_huge(self->addr, sm_node(0), sm_node(1));
	ASSERT_EQ(0, mlock(self->addr, self->len));
	move(_metadata, self, self->addr, sm_pages(self->len));
	EXPECT_EQ((long)self->len / 1024, sm_smaps(self->addr, "Locked"));
	/* Elsewhere a huge page is split when it is moved. */
	if (whole)
		EXPECT_EQ((long)self->len / 1024,
			  sm_smaps(self->addr, "AnonHugePages"));
	EXPECT_EQ(0, sm_bad(self->addr, self->len, SEED));
}

static void hugetlb(SM_ARGS(moves), int flags)
{
	char path[128], value[32];
	long have;

	/* The pool of the target node grows, too: have it restored. */
	snprintf(path, sizeof(path), SM_HUGETLB, sm_node(1), "nr_hugepages");
	SM_NEED(sm_lacks_path(path));
	snprintf(value, sizeof(value), "%ld", sm_read_long(path));
	ASSERT_EQ(0, sm_set(path, value));
	snprintf(path, sizeof(path), SM_HUGETLB, sm_node(0), "nr_hugepages");
	SM_NEED(sm_lacks_path(path));
	have = sm_read_long(path);
	snprintf(value, sizeof(value), "%ld", have + (long)(LEN / SM_HUGE));
	ASSERT_EQ(0, sm_set(path, value));
	if (sm_read_long(path) != have + (long)(LEN / SM_HUGE))
		SKIP(return, "no huge pages to be had");
	self->addr = sm_map_fd(-1, self->len, PROT_READ | PROT_WRITE,
			       flags | MAP_ANONYMOUS | MAP_HUGETLB);
	ASSERT_TRUE(!!self->addr);
	sm_fill(self->addr, self->len, SEED);
	if (sm_moves_huge(self->addr, sm_node(0), sm_node(1)))
		move(_metadata, self, self->addr, sm_pages(self->len));
	else
		stay(_metadata, self);
	EXPECT_EQ(0, sm_bad(self->addr, self->len, SEED));
	/* The pool is to shrink again. */
	munmap(self->addr, self->len);
	self->addr = NULL;
}

SM_TEST_F(moves, hugetlb_private)
{
	hugetlb(_metadata, self, MAP_PRIVATE);
}

SM_TEST_F(moves, hugetlb_shared)
{
	hugetlb(_metadata, self, MAP_SHARED);
}

TEST_HARNESS_MAIN
