// SPDX-License-Identifier: GPL-2.0-only
/* Races of migration with what the process does to, and has done with, its pages. */
#include "races_of.h"

RACE_TEST(dontneed);
RACE_TEST(lazyfree);
RACE_TEST(pageout);
RACE_TEST(collapse);
RACE_TEST(split);
RACE_TEST(merge);
RACE_TEST(direct_io);
RACE_TEST(stores);
RACE_TEST(loads);
RACE_TEST(vmsplice);
RACE_TEST(userfault);
RACE_TEST(write_protect);

TEST_HARNESS_MAIN
