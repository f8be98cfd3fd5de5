// SPDX-License-Identifier: GPL-2.0-only
/* Races of migration with what happens to the target and the machine. */
#include "races_of.h"

SM_TEST_F(races, migrators)
{
	run(_metadata, self, variant->counter, races_of_machine, "migrators");
}

SM_TEST_F(races, path)
{
	run(_metadata, self, variant->counter, races_of_machine, "path");
}

SM_TEST_F(races, process_madvise)
{
	run(_metadata, self, variant->counter, races_of_machine,
	    "process_madvise");
}

SM_TEST_F(races, swapoff)
{
	run(_metadata, self, variant->counter, races_of_machine, "swapoff");
}

SM_TEST_F(races, memcg_limits)
{
	run(_metadata, self, variant->counter, races_of_machine,
	    "memcg_limits");
}

SM_TEST_F(races, memcg_moves)
{
	run(_metadata, self, variant->counter, races_of_machine, "memcg_moves");
}

SM_TEST_F(races, cpuset)
{
	run(_metadata, self, variant->counter, races_of_machine, "cpuset");
}

SM_TEST_F(races, oom)
{
	run(_metadata, self, variant->counter, races_of_machine, "oom");
}

SM_TEST_F(races, numa_balancing)
{
	run(_metadata, self, variant->counter, races_of_machine,
	    "numa_balancing");
}

SM_TEST_F(races, compaction)
{
	run(_metadata, self, variant->counter, races_of_machine, "compaction");
}

SM_TEST_F(races, hotremove)
{
	run(_metadata, self, variant->counter, races_of_machine, "hotremove");
}

SM_TEST_F(races, umount)
{
	run(_metadata, self, variant->counter, races_of_machine, "umount");
}

TEST_HARNESS_MAIN
