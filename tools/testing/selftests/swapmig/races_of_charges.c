// SPDX-License-Identifier: GPL-2.0-only
/*
 * Races of migration with what needs the memory controller of cgroup version 1. They
 * are apart from the others, which need version 2: a machine has it in one of them.
 */
#include "races_of.h"

SM_TEST_F(races, memcg_charges)
{
	run(_metadata, self, variant->counter, races_of_machine,
	    "memcg_charges");
}

TEST_HARNESS_MAIN
