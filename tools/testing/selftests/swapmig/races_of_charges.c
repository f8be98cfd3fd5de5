// SPDX-License-Identifier: GPL-2.0-only
/*
 * Races of migration with what needs the memory controller of cgroup version 1. They
 * are apart from the others, which need version 2: a controller is in one version only.
 */
#include "races_of.h"

RACE_TEST(memcg_charges);

TEST_HARNESS_MAIN
