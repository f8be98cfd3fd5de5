// SPDX-License-Identifier: GPL-2.0-only
/*
 * From which nodes pages are evicted: those in the source and not in the target nodeset.
 */
#include "../kselftest_harness.h"
#include "util.h"

#define LEN	(4 * MIB)
#define NODES	4

FIXTURE(nodesets)
{
	char *addr[NODES];
	int nr;
};

/* Nodesets of node numbers 0 to 3: the i-th node with memory. */
FIXTURE_VARIANT(nodesets)
{
	unsigned int from;
	unsigned int to;
	int need;
};

FIXTURE_VARIANT_ADD(nodesets, 0_to_1)
{
	.from = 1, .to = 2, .need = 2,
};

FIXTURE_VARIANT_ADD(nodesets, 1_to_0)
{
	.from = 2, .to = 1, .need = 2,
};

FIXTURE_VARIANT_ADD(nodesets, 01_to_12)
{
	.from = 3, .to = 6, .need = 3,
};

FIXTURE_VARIANT_ADD(nodesets, 012_to_3)
{
	.from = 7, .to = 8, .need = 4,
};

FIXTURE_VARIANT_ADD(nodesets, 0123_to_2)
{
	.from = 15, .to = 4, .need = 4,
};

FIXTURE_VARIANT_ADD(nodesets, 0_to_0123)
{
	.from = 1, .to = 15, .need = 4,
};

FIXTURE_VARIANT_ADD(nodesets, 13_to_02)
{
	.from = 10, .to = 5, .need = 4,
};

FIXTURE_SETUP(nodesets)
{
	SM_BEGIN(variant->need);
	SM_SWAP_ON(SM_ZRAM, 64 * MIB);
	self->nr = __builtin_popcountl(sm_all_nodes());
	if (self->nr > NODES)
		self->nr = NODES;
	for (int i = 0; i < self->nr; i++) {
		self->addr[i] = sm_map(LEN);
		ASSERT_TRUE(!!self->addr[i]);
		ASSERT_EQ(0, sm_bind(sm_node(i)));
		sm_fill(self->addr[i], LEN, i);
		ASSERT_EQ(0, sm_unbind());
		ASSERT_EQ(sm_pages(LEN), sm_on_node(0, self->addr[i], LEN,
						    sm_node(i)));
	}
}

FIXTURE_TEARDOWN(nodesets)
{
	for (int i = 0; i < self->nr; i++)
		munmap(self->addr[i], LEN);
	sm_cleanup();
}

static unsigned long real_nodes(unsigned int set)
{
	unsigned long mask = 0;

	for (int i = 0; i < NODES; i++)
		if (set & (1 << i))
			mask |= sm_bit(sm_node(i));
	return mask;
}

/* A node that this machine does not have, but that may be named. */
static unsigned long absent_node(unsigned long to)
{
	unsigned long absent = sm_bit(7) & ~sm_all_nodes();

	return absent && !sm_migrate(0, absent, to) ? absent : 0;
}

SM_TEST_F(nodesets, evicts_source_without_target)
{
	unsigned long to = real_nodes(variant->to);

	ASSERT_EQ(0, sm_migrate(0, real_nodes(variant->from) | absent_node(to), to));
	for (int i = 0; i < self->nr; i++) {
		bool leaves = variant->from & ~variant->to & (1 << i);

		EXPECT_EQ(leaves ? 0 : sm_pages(LEN),
			  sm_on_node(0, self->addr[i], LEN, sm_node(i))) {
			TH_LOG("memory of node %d", sm_node(i));
		}
	}
	for (int i = 0; i < self->nr; i++)
		EXPECT_EQ(0, sm_bad(self->addr[i], LEN, i));
}

TEST_HARNESS_MAIN
