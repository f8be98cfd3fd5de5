// SPDX-License-Identifier: GPL-2.0-only
/*
 * The call changes neither the policies of VMAs nor that of the task.
 */
#include <linux/mempolicy.h>

#include "../kselftest_harness.h"
#include "util.h"

#define LEN	(2 * MIB)
#define SEED	13

FIXTURE(policy)
{
	char *addr;
};

FIXTURE_VARIANT(policy)
{
	int mode;
	bool with_nodes;	/* the source node and the target node */
};

FIXTURE_VARIANT_ADD(policy, preferred)
{
	.mode = MPOL_PREFERRED, .with_nodes = true,
};

FIXTURE_VARIANT_ADD(policy, bind)
{
	.mode = MPOL_BIND, .with_nodes = true,
};

FIXTURE_VARIANT_ADD(policy, interleave)
{
	.mode = MPOL_INTERLEAVE, .with_nodes = true,
};

FIXTURE_VARIANT_ADD(policy, preferred_many)
{
	.mode = MPOL_PREFERRED_MANY, .with_nodes = true,
};

FIXTURE_VARIANT_ADD(policy, static_bind)
{
	.mode = MPOL_BIND | MPOL_F_STATIC_NODES, .with_nodes = true,
};

FIXTURE_VARIANT_ADD(policy, local)
{
	.mode = MPOL_LOCAL, .with_nodes = false,
};

FIXTURE_VARIANT_ADD(policy, none)
{
	.mode = MPOL_DEFAULT, .with_nodes = false,
};

FIXTURE_SETUP(policy)
{
	SM_BEGIN(2);
	SM_SWAP_ON(SM_ZRAM, 64 * MIB);
	self->addr = sm_map(LEN);
	ASSERT_TRUE(!!self->addr);
}

FIXTURE_TEARDOWN(policy)
{
	munmap(self->addr, LEN);
	sm_unbind();
	sm_cleanup();
}

static unsigned long nodes(struct _test_data_policy *self, int mode,
			   bool with_nodes)
{
	if (!with_nodes)
		return 0;
	/* A single node is all that MPOL_PREFERRED remembers. */
	return mode == MPOL_PREFERRED ? sm_from() : sm_from() | sm_to();
}

SM_TEST_F(policy, of_an_area)
{
	unsigned long set = nodes(self, variant->mode, variant->with_nodes);
	unsigned long after_set;
	int after;

	ASSERT_EQ(0, sm_mbind(self->addr, LEN, variant->mode, set));
	sm_fill(self->addr, LEN, SEED);
	ASSERT_EQ(0, sm_migrate(0, sm_from(), sm_to()));
	EXPECT_EQ(0, sm_on_node(0, self->addr, LEN, sm_node(0)));

	ASSERT_EQ(0, sm_policy(self->addr, &after, &after_set));
	EXPECT_EQ(variant->mode, after);
	EXPECT_EQ(set, after_set);
	EXPECT_EQ(0, sm_bad(self->addr, LEN, SEED));
	/* Nor by the return of the pages. */
	ASSERT_EQ(0, sm_policy(self->addr + LEN / 2, &after, &after_set));
	EXPECT_EQ(variant->mode, after);
	EXPECT_EQ(set, after_set);
}

SM_TEST_F(policy, of_the_task)
{
	unsigned long set = nodes(self, variant->mode, variant->with_nodes);
	unsigned long after_set;
	int after;

	ASSERT_EQ(0, sm_set_policy(variant->mode, set));
	sm_fill(self->addr, LEN, SEED);
	ASSERT_EQ(0, sm_migrate(0, sm_from(), sm_to()));

	ASSERT_EQ(0, sm_policy(NULL, &after, &after_set));
	EXPECT_EQ(variant->mode, after);
	EXPECT_EQ(set, after_set);
	EXPECT_EQ(0, sm_bad(self->addr, LEN, SEED));
	ASSERT_EQ(0, sm_policy(NULL, &after, &after_set));
	EXPECT_EQ(variant->mode, after);
	EXPECT_EQ(set, after_set);
}

/* Areas of different policies next to each other stay as they are. */
SM_TEST_F(policy, of_a_part)
{
	unsigned long set = nodes(self, variant->mode, variant->with_nodes);
	unsigned long after_set;
	int after;

	ASSERT_EQ(0, sm_mbind(self->addr, LEN / 2, variant->mode, set));
	ASSERT_EQ(0, sm_mbind(self->addr + LEN / 2, LEN / 2, MPOL_BIND,
			      sm_from()));
	sm_fill(self->addr, LEN, SEED);
	ASSERT_EQ(0, sm_migrate(0, sm_from(), sm_to()));
	EXPECT_EQ(0, sm_on_node(0, self->addr, LEN, sm_node(0)));

	ASSERT_EQ(0, sm_policy(self->addr, &after, &after_set));
	EXPECT_EQ(variant->mode, after);
	EXPECT_EQ(set, after_set);
	ASSERT_EQ(0, sm_policy(self->addr + LEN / 2, &after, &after_set));
	EXPECT_EQ(MPOL_BIND, after);
	EXPECT_EQ(sm_from(), after_set);
	EXPECT_EQ(0, sm_bad(self->addr, LEN, SEED));
}

TEST_HARNESS_MAIN
