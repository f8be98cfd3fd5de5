// SPDX-License-Identifier: GPL-2.0-only
/* Races of migration with what the process does to its mappings and processes. */
#include "races_of.h"

RACE_TEST(fork);
RACE_TEST(touch_and_fork);
RACE_TEST(exec);
RACE_TEST(unmap);
RACE_TEST(remap);
RACE_TEST(protect);
RACE_TEST(mlock);
RACE_TEST(shm_lock);
RACE_TEST(truncate);
RACE_TEST(move_pages);
RACE_TEST(bind);

TEST_HARNESS_MAIN
