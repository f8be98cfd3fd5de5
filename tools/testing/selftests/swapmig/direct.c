// SPDX-License-Identifier: GPL-2.0-only
/*
 * The direct path: pages are on their target nodes at once, in the same
 * relative places.
 */
#include "../kselftest_harness.h"
#include "util.h"

#define LEN	(4 * MIB)
#define SEED	41
#define NODES	4

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

TEST_HARNESS_MAIN
