// SPDX-License-Identifier: GPL-2.0-only
/* Races of migration with what the target does to, and has done with, its pages. */
#include "races_of.h"

SM_TEST_F(races, dontneed)
{
	run(_metadata, self, variant->counter, races_of_memory, "dontneed");
}

SM_TEST_F(races, lazyfree)
{
	run(_metadata, self, variant->counter, races_of_memory, "lazyfree");
}

SM_TEST_F(races, pageout)
{
	run(_metadata, self, variant->counter, races_of_memory, "pageout");
}

SM_TEST_F(races, collapse)
{
	run(_metadata, self, variant->counter, races_of_memory, "collapse");
}

SM_TEST_F(races, split)
{
	run(_metadata, self, variant->counter, races_of_memory, "split");
}

SM_TEST_F(races, merge)
{
	run(_metadata, self, variant->counter, races_of_memory, "merge");
}

SM_TEST_F(races, direct_io)
{
	run(_metadata, self, variant->counter, races_of_memory, "direct_io");
}

SM_TEST_F(races, vmsplice)
{
	run(_metadata, self, variant->counter, races_of_memory, "vmsplice");
}

SM_TEST_F(races, userfault)
{
	run(_metadata, self, variant->counter, races_of_memory, "userfault");
}

SM_TEST_F(races, write_protect)
{
	run(_metadata, self, variant->counter, races_of_memory,
	    "write_protect");
}

TEST_HARNESS_MAIN
