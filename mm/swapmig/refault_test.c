// SPDX-License-Identifier: GPL-2.0
/*
 * Swap migration: tests of the table of refault nodes.
 */
#include <kunit/test.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/xarray.h>
#include <linux/swapmig.h>
#include <linux/swapops.h>

#include "swapmig.h"

/* A slot of the last possible swap device, which no test machine has. */
static swp_entry_t swapmig_test_slot(unsigned long offset)
{
	return swp_entry(MAX_SWAPFILES - 1, offset);
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

static int swapmig_refault_test_free_one(void *freed)
{
	__swapmig_refault_free_slots(swapmig_test_slot(2000), 1);
	complete(freed);
	return 0;
}

/* A slot without a refault node is freed while somebody else holds the lock. */
static void swapmig_refault_test_free_lockless(struct kunit *test)
{
	struct xarray *tree = swapmig_refault_tree(swapmig_test_slot(0));
	DECLARE_COMPLETION_ONSTACK(freed);
	struct task_struct *task;
	int msecs = 10000;
	bool in_time;

	if (num_online_cpus() < 2)
		kunit_skip(test, "only one CPU");
	KUNIT_ASSERT_EQ(test, swapmig_refault_set(swapmig_test_slot(2001), 1, 0), 0);
	task = kthread_create(swapmig_refault_test_free_one, &freed, "free_one");
	KUNIT_ASSERT_FALSE(test, IS_ERR(task));

	migrate_disable();
	kthread_bind(task, cpumask_any_but(cpu_online_mask, smp_processor_id()));
	xa_lock_irq(tree);
	wake_up_process(task);
	while (!completion_done(&freed) && msecs--)
		mdelay(1);
	in_time = completion_done(&freed);
	xa_unlock_irq(tree);
	migrate_enable();

	wait_for_completion(&freed);
	KUNIT_EXPECT_TRUE(test, in_time);
	KUNIT_EXPECT_EQ(test, swapmig_refault_get(swapmig_test_slot(2001)), 0);
}

static struct kunit_case swapmig_refault_test_cases[] = {
	KUNIT_CASE(swapmig_refault_test_set),
	KUNIT_CASE(swapmig_refault_test_free),
	KUNIT_CASE(swapmig_refault_test_range),
	KUNIT_CASE(swapmig_refault_test_free_lockless),
	{}
};

static struct kunit_suite swapmig_refault_test_suite = {
	.name = "swapmig_refault",
	.exit = swapmig_refault_test_exit,
	.test_cases = swapmig_refault_test_cases,
};

kunit_test_suite(swapmig_refault_test_suite);
