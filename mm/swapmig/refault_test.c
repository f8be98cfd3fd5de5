// SPDX-License-Identifier: GPL-2.0
/*
 * Swap migration: tests of the table of refault nodes.
 */
#include <kunit/test.h>
#include <linux/swapmig.h>
#include <linux/swapops.h>

#include "swapmig.h"

/* A slot of a swap device that cannot exist: its number is too high. */
static swp_entry_t swapmig_test_slot(unsigned long offset)
{
	return swp_entry(MAX_SWAPFILES, offset);
}

static void swapmig_refault_test_exit(struct kunit *test)
{
	__swapmig_refault_free_slots(swapmig_test_slot(0), 4096);
}

static void swapmig_refault_test_set(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, swapmig_refault_get(swapmig_test_slot(100)),
			NUMA_NO_NODE);

	/* Node 0 is a node, not the lack of one. */
	KUNIT_ASSERT_EQ(test, swapmig_refault_set(swapmig_test_slot(100), 1, 0),
			0);
	KUNIT_EXPECT_EQ(test, swapmig_refault_get(swapmig_test_slot(100)), 0);
	KUNIT_ASSERT_EQ(test, swapmig_refault_set(swapmig_test_slot(100), 1, 3),
			0);
	KUNIT_EXPECT_EQ(test, swapmig_refault_get(swapmig_test_slot(100)), 3);

	KUNIT_EXPECT_EQ(test, swapmig_refault_get(swapmig_test_slot(99)),
			NUMA_NO_NODE);
	KUNIT_EXPECT_EQ(test, swapmig_refault_get(swapmig_test_slot(101)),
			NUMA_NO_NODE);
	KUNIT_EXPECT_EQ(test, swapmig_refault_get(swp_entry(0, 100)),
			NUMA_NO_NODE);
}

static void swapmig_refault_test_free(struct kunit *test)
{
	KUNIT_ASSERT_EQ(test, swapmig_refault_set(swapmig_test_slot(10), 1, 2),
			0);
	__swapmig_refault_free_slots(swapmig_test_slot(10), 1);
	KUNIT_EXPECT_EQ(test, swapmig_refault_get(swapmig_test_slot(10)),
			NUMA_NO_NODE);

	/* A slot may be freed that has none. */
	__swapmig_refault_free_slots(swapmig_test_slot(10), 1);
	KUNIT_EXPECT_EQ(test, swapmig_refault_get(swapmig_test_slot(10)),
			NUMA_NO_NODE);
}

/* A huge page takes 512 slots; freeing some of them leaves the others alone. */
static void swapmig_refault_test_range(struct kunit *test)
{
	unsigned long i;

	KUNIT_ASSERT_EQ(test, swapmig_refault_set(swapmig_test_slot(1000), 512, 1),
			0);
	__swapmig_refault_free_slots(swapmig_test_slot(1100), 50);

	for (i = 990; i < 1530; i++) {
		bool set = (i >= 1000 && i < 1100) || (i >= 1150 && i < 1512);

		KUNIT_ASSERT_EQ(test, swapmig_refault_get(swapmig_test_slot(i)),
				set ? 1 : NUMA_NO_NODE);
	}
}

static struct kunit_case swapmig_refault_test_cases[] = {
	KUNIT_CASE(swapmig_refault_test_set),
	KUNIT_CASE(swapmig_refault_test_free),
	KUNIT_CASE(swapmig_refault_test_range),
	{}
};

static struct kunit_suite swapmig_refault_test_suite = {
	.name = "swapmig_refault",
	.exit = swapmig_refault_test_exit,
	.test_cases = swapmig_refault_test_cases,
};

kunit_test_suite(swapmig_refault_test_suite);
