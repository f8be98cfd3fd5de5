// SPDX-License-Identifier: GPL-2.0-only
/* Races of migration with what the target does to its mappings and processes. */
#include "races_of.h"

SM_TEST_F(races, fork)
{
	run(_metadata, self, variant->counter, races_of_memory, "fork");
}

SM_TEST_F(races, exec)
{
	run(_metadata, self, variant->counter, races_of_memory, "exec");
}

SM_TEST_F(races, unmap)
{
	run(_metadata, self, variant->counter, races_of_memory, "unmap");
}

SM_TEST_F(races, remap)
{
	run(_metadata, self, variant->counter, races_of_memory, "remap");
}

SM_TEST_F(races, protect)
{
	run(_metadata, self, variant->counter, races_of_memory, "protect");
}

SM_TEST_F(races, mlock)
{
	run(_metadata, self, variant->counter, races_of_memory, "mlock");
}

SM_TEST_F(races, shm_lock)
{
	run(_metadata, self, variant->counter, races_of_memory, "shm_lock");
}

SM_TEST_F(races, truncate)
{
	run(_metadata, self, variant->counter, races_of_memory, "truncate");
}

SM_TEST_F(races, move_pages)
{
	run(_metadata, self, variant->counter, races_of_memory, "move_pages");
}

TEST_HARNESS_MAIN
