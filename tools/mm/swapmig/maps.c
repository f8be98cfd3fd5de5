// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where the memory of a process is.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "swapmig.h"

/* The kernel counts pages of hugetlbfs as one each. */
static unsigned long line_unit(const char *line)
{
	const char *at = strstr(line, " kernelpagesize_kB=");
	unsigned long kib = at ? strtoul(strchr(at, '=') + 1, NULL, 10) : 0;

	return kib > page_kib() ? kib / page_kib() : 1;
}

/*
 * Words like N0=123, pages on node 0, and S1=45, pages in swap that will come back on node 1.
 * The name of a file comes before them, and blanks in it are escaped.
 */
static void read_line(char *line, struct residency *residency)
{
	unsigned long unit = line_unit(line), node, pages;
	char *rest, *end;

	for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		if (word[0] != 'N' && word[0] != 'S')
			continue;
		node = strtoul(word + 1, &end, 10);
		if (end == word + 1 || *end != '=' || node >= MAX_NODES)
			continue;
		pages = strtoul(end + 1, NULL, 10) * unit;
		if (word[0] == 'N') {
			residency->on[node] += pages;
		} else {
			residency->refault[node] += pages;
			residency->tells_refault = true;
		}
	}
}

/*
 * The kernel walks the page tables of the process for this: it is nothing to be done again
 * and again. Returns 0 or a negative error.
 */
int maps_read(pid_t pid, struct residency *residency)
{
	char file[64], *line = NULL;
	size_t size = 0;
	FILE *f;
	int err;

	memset(residency, 0, sizeof(*residency));
	snprintf(file, sizeof(file), "/proc/%d/numa_maps", pid);
	f = fopen(file, "r");
	if (!f)
		return -errno;
	errno = 0;
	while (getline(&line, &size, f) >= 0)
		read_line(line, residency);
	err = ferror(f) ? -errno : 0;
	free(line);
	fclose(f);
	return err;
}

/* How many pages a call would come to. */
unsigned long maps_to_go(const struct residency *residency, const struct nodes *from,
			 const struct nodes *to, const char *path)
{
	unsigned long pages = 0;

	for (int node = 0; node < MAX_NODES; node++)
		if (residency->on[node] && nodes_leaves(from, to, path, node))
			pages += residency->on[node];
	return pages;
}

static unsigned long take(unsigned long *from, unsigned long *wanted)
{
	unsigned long pages = *from < *wanted ? *from : *wanted;

	*from -= pages;
	*wanted -= pages;
	return pages;
}

/*
 * A call says that so many pages more have left, but not which nodes: where it has several,
 * it is taken for granted that they leave one after the other.
 */
void maps_left(struct residency *residency, const struct event *call, unsigned long evicted,
	       unsigned long moved)
{
	for (int node = 0; node < MAX_NODES; node++) {
		unsigned long *on = &residency->on[node];
		unsigned long swapped;
		int target;

		if (!*on || !nodes_leaves(&call->from, &call->to, call->path, node))
			continue;
		target = nodes_target(&call->from, &call->to, node);
		residency->on[target] += take(on, &moved);
		swapped = take(on, &evicted);
		if (residency->tells_refault)
			residency->refault[target] += swapped;
	}
}

/* What the process calls itself, which can be any bytes. */
bool process_name(pid_t pid, char name[NAME_LEN])
{
	char file[64];
	size_t len;
	FILE *f;

	snprintf(file, sizeof(file), "/proc/%d/comm", pid);
	f = fopen(file, "r");
	snprintf(name, NAME_LEN, "?");
	if (!f)
		return false;
	len = fread(name, 1, NAME_LEN - 1, f);
	fclose(f);
	if (len && name[len - 1] == '\n')
		len--;
	name[len] = '\0';
	return true;
}

/* What a terminal can be shown of it. */
void name_printable(char *name)
{
	for (; *name; name++)
		if (!isascii(*name) || !isprint(*name))
			*name = '?';
}

/* The kernel keeps these sums; it need not look at any page for them. */
bool process_memory(pid_t pid, unsigned long *resident, unsigned long *in_swap)
{
	char file[64], line[256];
	FILE *f;

	*resident = 0;
	*in_swap = 0;
	snprintf(file, sizeof(file), "/proc/%d/status", pid);
	f = fopen(file, "r");
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, "VmRSS:", 6))
			*resident = strtoul(line + 6, NULL, 10) / page_kib();
		if (!strncmp(line, "VmSwap:", 7))
			*in_swap = strtoul(line + 7, NULL, 10) / page_kib();
	}
	fclose(f);
	return true;
}
