// SPDX-License-Identifier: GPL-2.0-only
/* Races of migration with what happens to the process and the machine. */
#include "races_of.h"

RACE_TEST(migrators);
RACE_TEST(path);
RACE_TEST(process_madvise);
RACE_TEST(swapoff);
RACE_TEST(memcg_limits);
RACE_TEST(memcg_moves);
RACE_TEST(cpuset);
RACE_TEST(oom);
RACE_TEST(numa_balancing);
RACE_TEST(compaction);
RACE_TEST(hotremove);
RACE_TEST(umount);

TEST_HARNESS_MAIN
