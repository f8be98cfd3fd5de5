// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sets of nodes, and the memory of nodes.
 */
#include <dirent.h>
#include <numa.h>
#include <stdlib.h>
#include <string.h>

#include "swapmig.h"

#define LONG_BITS	(8 * (int)sizeof(long))

static void nodes_add(struct nodes *nodes, int node)
{
	nodes->bits[node / LONG_BITS] |= 1UL << node % LONG_BITS;
}

bool nodes_have(const struct nodes *nodes, int node)
{
	return nodes->bits[node / LONG_BITS] >> node % LONG_BITS & 1;
}

int nodes_count(const struct nodes *nodes)
{
	int n = 0;

	for (size_t i = 0; i < NODE_LONGS; i++)
		n += __builtin_popcountl(nodes->bits[i]);
	return n;
}

/* libnuma has its own words for a bad list, and says them to stderr. Ours do. */
void numa_warn(int number, char *format, ...)
{
	(void)number;
	(void)format;
}

/*
 * A list as numactl(8) takes it. Memory can be on nodes that our own cpuset lacks: with
 * @any the list may name these, too.
 */
bool nodes_parse(const char *text, bool any, struct nodes *nodes)
{
	struct bitmask *mask;

	memset(nodes, 0, sizeof(*nodes));
	if (!*text)
		return false;
	mask = any ? numa_parse_nodestring_all(text) : numa_parse_nodestring(text);
	if (!mask)
		return false;
	for (int node = 0; node < MAX_NODES; node++)
		if (numa_bitmask_isbitset(mask, node))
			nodes_add(nodes, node);
	numa_bitmask_free(mask);
	return nodes_count(nodes);
}

/* A bit mask as tracepoints print it: hexadecimal, with a comma after each 32 bits. */
bool nodes_from_hex(const char *text, struct nodes *nodes)
{
	static const char digits[] = "0123456789abcdef";
	int bit = 0;

	memset(nodes, 0, sizeof(*nodes));
	for (const char *c = text + strlen(text); c-- > text;) {
		const char *digit = strchr(digits, *c);

		if (*c == ',')
			continue;
		if (!digit)
			return false;
		for (int i = 0; i < 4; i++, bit++)
			if ((digit - digits) >> i & 1 && bit < MAX_NODES)
				nodes_add(nodes, bit);
	}
	return bit;
}

/* As numactl(8) would take it: "0-2,5". */
const char *nodes_text(const struct nodes *nodes, char text[NODES_TEXT])
{
	size_t len = 0;

	text[0] = '\0';
	for (int node = 0, last; node < MAX_NODES; node = last + 1) {
		last = node;
		if (!nodes_have(nodes, node))
			continue;
		while (last + 1 < MAX_NODES && nodes_have(nodes, last + 1))
			last++;
		len += snprintf(text + len, NODES_TEXT - len, "%s%d", len ? "," : "", node);
		if (len < NODES_TEXT && last > node)
			len += snprintf(text + len, NODES_TEXT - len, "-%d", last);
		if (len >= NODES_TEXT)
			break;
	}
	return text;
}

/*
 * Do pages leave this node? On the path "swap" if it is no target; on the others, between
 * sets of the same size, if it is not its own target.
 */
bool nodes_leaves(const struct nodes *from, const struct nodes *to, const char *path, int node)
{
	int nth = 0;

	if (!nodes_have(from, node))
		return false;
	if (!nodes_have(to, node))
		return true;
	if (!strcmp(path, "swap") || nodes_count(from) != nodes_count(to))
		return false;
	for (int i = 0; i < node; i++)
		nth += nodes_have(from, i) - nodes_have(to, i);
	return nth;
}

/* Pages of the n-th node of @from go to the n-th of @to, and around. */
int nodes_target(const struct nodes *from, const struct nodes *to, int node)
{
	int nth = 0, target = -1;

	if (!nodes_count(to))
		return node;
	for (int i = 0; i < node; i++)
		nth += nodes_have(from, i);
	for (nth %= nodes_count(to); nth >= 0; nth--)
		do
			target++;
		while (!nodes_have(to, target));
	return target;
}

/* What a file with lines like "Node 0 MemTotal:  123 kB" says of these two. */
static bool read_memory(const char *file, const char *total, const char *free_,
			struct node_memory *memory)
{
	FILE *f = fopen(file, "r");
	char line[256];
	int found = 0;

	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		const char *at;

		at = strstr(line, total);
		if (at) {
			memory->total = strtoul(at + strlen(total), NULL, 10) / page_kib();
			found++;
		}
		at = strstr(line, free_);
		if (at) {
			memory->free = strtoul(at + strlen(free_), NULL, 10) / page_kib();
			found++;
		}
	}
	fclose(f);
	return found == 2;
}

static int by_number(const void *a, const void *b)
{
	return ((const struct node_memory *)a)->node - ((const struct node_memory *)b)->node;
}

/* The nodes that have memory. */
int nodes_memory(struct node_memory *list, int max)
{
	DIR *dir = opendir("/sys/devices/system/node");
	struct dirent *entry;
	char file[64];
	int n = 0;

	while (dir && n < max && (entry = readdir(dir))) {
		int node;

		if (sscanf(entry->d_name, "node%d", &node) != 1 || node < 0 || node >= MAX_NODES)
			continue;
		snprintf(file, sizeof(file), "/sys/devices/system/node/node%d/meminfo", node);
		if (!read_memory(file, "MemTotal:", "MemFree:", &list[n]) || !list[n].total)
			continue;
		list[n++].node = node;
	}
	if (dir)
		closedir(dir);
	qsort(list, n, sizeof(*list), by_number);
	return n;
}

/* False if there is none. */
bool swap_memory(struct node_memory *swap)
{
	swap->node = -1;
	return read_memory("/proc/meminfo", "SwapTotal:", "SwapFree:", swap) && swap->total;
}
