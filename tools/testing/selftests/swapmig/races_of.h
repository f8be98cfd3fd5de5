/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How programs run a race: on the path "swap" with both kinds of swap device, and on
 * the path "direct". SWAPMIG_ROUNDS=N makes it last N times as long, SWAPMIG_SEED=N
 * changes its random choices.
 */
#include "../kselftest_harness.h"
#include "race/race.h"

FIXTURE(races)
{
	struct race_shared *shared;
};

FIXTURE_VARIANT(races)
{
	const char *path;
	enum sm_dev dev;
	const char *counter;	/* of what the path does */
};

FIXTURE_VARIANT_ADD(races, swap_zram)
{
	.path = "swap", .dev = SM_ZRAM, .counter = "swapmig_evicted",
};

FIXTURE_VARIANT_ADD(races, swap_disk)
{
	.path = "swap", .dev = SM_DISK, .counter = "swapmig_evicted",
};

FIXTURE_VARIANT_ADD(races, direct)
{
	.path = "direct", .dev = SM_ZRAM, .counter = "swapmig_moved",
};

FIXTURE_SETUP(races)
{
	sm_cleanup();
	SM_NEED(sm_lacks_basics(2));
	SM_SWAP_ON(variant->dev, 128 * MIB);
	ASSERT_EQ(0, sm_prefer(variant->path));
	if (!sm_lacks_path(SM_HUGE_SHMEM))
		ASSERT_EQ(0, sm_set(SM_HUGE_SHMEM, "always"));
	self->shared = race_share();
	ASSERT_TRUE(!!self->shared);
}

FIXTURE_TEARDOWN(races)
{
	sm_cleanup();
}

/* Run the race that is called as the test is. */
static void run(SM_ARGS(races), const char *counter)
{
	long seed = race_env("SWAPMIG_SEED", 1);
	const struct race *race = race_named(_metadata->name);
	long long before, after, huge;
	const char *wrong;

	ASSERT_TRUE(!!race);
	SM_NEED(race->lacks ? race->lacks() : NULL);
	before = race_carried(race, counter);
	huge = sm_vmstat("thp_file_mapped");
	wrong = race_run(race, counter, seed, race_env("SWAPMIG_ROUNDS", 1),
			 self->shared);
	after = race_carried(race, counter);
	TH_LOG("seed %ld: %ld of %ld rounds, %ld pages verified, %lld %s", seed,
	       self->shared->hits, self->shared->tries, self->shared->pages,
	       after - before, counter);
	EXPECT_TRUE(!wrong) {
		TH_LOG("%s", wrong);
	}
	EXPECT_LE(RACE_MIN_CARRIED, after - before);
	if (!sm_lacks_path(SM_HUGE_SHMEM))
		EXPECT_LT(huge, sm_vmstat("thp_file_mapped"));
}

/* A semicolon ends the last declaration. */
#define RACE_TEST(name)							\
	SM_TEST_F(races, name)						\
	{								\
		run(_metadata, self, variant->counter);			\
	}								\
	static struct __test_metadata _races_##name##_object
