// SPDX-License-Identifier: GPL-2.0-only
/*
 * Settings of the machine, which are put back. See settings.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "files.h"
#include "pages.h"
#include "settings.h"

#define NR_SETTINGS	32

/* What each was before our first change, in the order of the changes. */
static struct setting {
	char path[SM_PATH_LEN];
	char value[SM_PATH_LEN];
} *setting;

static void __attribute__((constructor)) prepare(void)
{
	setting = sm_share(NR_SETTINGS * sizeof(*setting));
}

int sm_set(const char *path, const char *value)
{
	char old[SM_PATH_LEN], *word;
	int i;

	if (sm_read_line(path, old, sizeof(old)))
		return -1;
	/* "always [madvise] never" */
	word = strchr(old, '[');
	if (word) {
		word++;
		word[strcspn(word, "]")] = 0;
	} else {
		word = old;
	}
	for (i = 0; i < NR_SETTINGS; i++) {
		/* What it was before our first change counts. */
		if (!strcmp(setting[i].path, path))
			return sm_write(path, value);
		if (!setting[i].path[0])
			break;
	}
	if (i == NR_SETTINGS) {
		errno = ENOSPC;
		return -1;
	}
	snprintf(setting[i].value, SM_PATH_LEN, "%s", word);
	snprintf(setting[i].path, SM_PATH_LEN, "%s", path);
	return sm_write(path, value);
}

void sm_restore_settings(void)
{
	int i;

	for (i = NR_SETTINGS - 1; i >= 0; i--) {
		char *path = setting[i].path;

		if (!path[0])
			continue;
		if (sm_write(path, setting[i].value))
			fprintf(stderr, "# cannot restore %s\n", path);
		path[0] = 0;
	}
}
