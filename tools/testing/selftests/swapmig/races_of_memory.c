// SPDX-License-Identifier: GPL-2.0-only
/*
 * Races of migration with what the target does to its own memory, each
 * of them bounded; see race.h. SWAPMIG_ROUNDS=N makes them last N times as long,
 * SWAPMIG_SEED=N changes what is random.
 */
#include "../kselftest_harness.h"
#include "race.h"

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
	SM_NEED(sm_lacks_swap(variant->dev));
	ASSERT_EQ(0, sm_swap_on(variant->dev, 128 * MIB));
	ASSERT_EQ(0, sm_prefer(variant->path));
	self->shared = race_share();
	ASSERT_TRUE(!!self->shared);
}

FIXTURE_TEARDOWN(races)
{
	sm_cleanup();
}

static void run(SM_ARGS(races), const struct race *race, const char *counter)
{
	long seed = race_env("SWAPMIG_SEED", 1);
	long long carried = sm_vmstat(counter);
	const char *wrong;

	SM_NEED(race->lacks ? race->lacks() : NULL);
	wrong = race_run(race, seed, race_env("SWAPMIG_ROUNDS", 1),
			 self->shared);
	carried = sm_vmstat(counter) - carried;
	TH_LOG("seed %ld: %ld of %ld rounds, %ld pages verified, %s %lld", seed,
	       self->shared->hits, self->shared->tries, self->shared->pages,
	       counter, carried);
	EXPECT_TRUE(!wrong) {
		TH_LOG("%s", wrong);
	}
	/* Nothing has been shown by memory that stayed where it was. */
	EXPECT_LT(sm_pages(MIB), carried);
}

#define RACE(name)							\
SM_TEST_F(races, name)							\
{									\
	run(_metadata, self, &race_##name, variant->counter);		\
}
RACES_OF_MEMORY(RACE)

TEST_HARNESS_MAIN
