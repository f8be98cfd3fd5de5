// SPDX-License-Identifier: GPL-2.0-only
/* All races there are. See race.h. */
#include <string.h>

#include "race.h"

const struct race * const * const race_lists[] = {
	races_of_mappings, races_of_pages, races_of_machine, races_of_groups,
	races_of_hotremove, races_of_umount, NULL,
};

const struct race *race_named(const char *name)
{
	const struct race * const * const *list;
	const struct race * const *race;

	for (list = race_lists; *list; list++)
		for (race = *list; *race; race++)
			if (!strcmp((*race)->name, name))
				return *race;
	return NULL;
}
