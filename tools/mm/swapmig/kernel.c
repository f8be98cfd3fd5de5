// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's counters and settings of swap migration.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "swapmig.h"

const char * const counter_names[NR_COUNTERS] = {
	[EVICTED] = "evicted",
	[MOVED] = "moved",
	[FAILED] = "failed",
	[REFAULT_HIT] = "refault_hit",
	[REFAULT_MISS] = "refault_miss",
};

/* False if the kernel has none. */
bool counters_read(unsigned long long counters[NR_COUNTERS])
{
	static const char prefix[] = "swapmig_";
	FILE *f = fopen("/proc/vmstat", "r");
	bool found = false;
	char line[256];

	memset(counters, 0, NR_COUNTERS * sizeof(*counters));
	while (f && fgets(line, sizeof(line), f)) {
		char *value = strchr(line, ' ');

		if (!value || strncmp(line, prefix, strlen(prefix)))
			continue;
		*value++ = '\0';
		for (int i = 0; i < NR_COUNTERS; i++) {
			if (!strcmp(line + strlen(prefix), counter_names[i])) {
				counters[i] = strtoull(value, NULL, 10);
				found = true;
			}
		}
	}
	if (f)
		fclose(f);
	return found;
}

bool path_is_name(const char *name)
{
	return !strcmp(name, "swap") || !strcmp(name, "direct") || !strcmp(name, "auto");
}

/* False if the kernel has no paths. */
bool path_read(char name[PATH_NAME])
{
	FILE *f = fopen(PATH_FILE, "r");
	char line[256] = "", *start, *end;

	name[0] = '\0';
	if (!f)
		return false;
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	start = strchr(line, '[');
	end = start ? strchr(start, ']') : NULL;
	if (!end)
		return false;
	*end = '\0';
	snprintf(name, PATH_NAME, "%s", start + 1);
	return true;
}

static int path_write(const char *name)
{
	int fd = open(PATH_FILE, O_WRONLY | O_CLOEXEC), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, name, strlen(name)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static char path_ours[PATH_NAME], path_before[PATH_NAME];

/* For a while: path_restore() ends it. Returns 0 or a negative error. */
int path_choose(const char *name)
{
	int err;

	if (!path_read(path_before))
		return -ENOENT;
	if (!strcmp(path_before, name))
		return 0;
	err = path_write(name);
	if (!err)
		snprintf(path_ours, sizeof(path_ours), "%s", name);
	return err;
}

/* What somebody else has chosen meanwhile stays. */
void path_restore(void)
{
	char current[PATH_NAME];

	if (path_ours[0] && path_read(current) && !strcmp(current, path_ours))
		path_write(path_before);
	path_ours[0] = '\0';
}

/* -1 if the kernel has no sampling window. */
long window_read(void)
{
	FILE *f = fopen(WINDOW_FILE, "r");
	long ms = -1;

	if (f && fscanf(f, "%ld", &ms) != 1)
		ms = -1;
	if (f)
		fclose(f);
	return ms;
}

unsigned long page_kib(void)
{
	return sysconf(_SC_PAGESIZE) / 1024;
}

double mib(unsigned long pages)
{
	return pages * (double)page_kib() / 1024;
}

/* Seconds, of a clock that nobody sets. */
double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}
