// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a test must not leave behind: pages that nobody knows of any more, or that
 * count as isolated, refault nodes, control groups that cannot die. Swap slots
 * that are lost keep swapoff() from ending.
 *
 * The amount of free memory says little, as memory has many honest uses. So all
 * that the kernel accounts for is subtracted from what it manages. The rest is its
 * own raw allocations, which hardly change, and memory that has been lost.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files.h"
#include "leaks.h"
#include "pages.h"

/*
 * Raw allocations that do come and go: page directories, buffers of pipes, pages
 * that CPUs cut into pieces. Between two looks, 32 pages of them were seen to.
 */
#define SLACK_PAGES	64
/* Tree nodes that page caches of the system itself use, 64 slots in each. */
#define SLACK_TREE	32
/*
 * A group may have been charged for a page of a file system's own data, which
 * stays. Each counts twice if both controllers are in the same hierarchy.
 */
#define SLACK_GROUPS	4

#define TRIES		100

/* The first number of the first line of @path that begins with @key. */
static long file_long(const char *path, const char *key, int skip)
{
	char line[256], *p;
	long value = 0;
	FILE *f = fopen(path, "r");

	if (!f)
		return 0;
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, key, strlen(key)))
			continue;
		p = line + strlen(key);
		for (value = strtol(p, &p, 10); skip; skip--)
			value = strtol(p, &p, 10);
		break;
	}
	fclose(f);
	return value;
}

/* What accounts for pages, both of each node and in all. */
static const char * const used[] = {
	"nr_free_pages", "nr_anon_pages", "nr_file_pages",
	"nr_slab_reclaimable", "nr_slab_unreclaimable",
	"nr_page_table_pages", "nr_zspages",
};

static long pages_of(long kb)
{
	return kb * 1024 / (long)sm_page;
}

/*
 * Pages of each node that no statistic of the node accounts for. Returns how many there
 * are in all, but for those that CPUs keep free.
 */
static long count_unknown(struct sm_held *held)
{
	char line[256], key[64];
	long value, all = 0;
	int node = -1;
	size_t i;
	FILE *f = fopen("/proc/zoneinfo", "r");

	memset(held->unknown, 0, sizeof(held->unknown));
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Node %d,", &node) == 1)
			continue;
		if (node < 0 || node >= SM_MAX_NODES ||
		    sscanf(line, " %63[a-z_]%*[: ]%ld", key, &value) != 2)
			continue;
		if (!strcmp(key, "count"))
			value = -value;
		if (!strcmp(key, "managed") || !strcmp(key, "count")) {
			held->unknown[node] += value;
			all += value;
		}
		if (!strcmp(key, "nr_kernel_stack"))
			held->unknown[node] -= pages_of(value);
		for (i = 0; i < sizeof(used) / sizeof(*used); i++)
			if (!strcmp(key, used[i]))
				held->unknown[node] -= value;
	}
	if (f)
		fclose(f);
	return all;
}

/*
 * When khugepaged makes a huge page of a file's pages on other nodes, the kernel counts
 * them where they were. That is wrong for the nodes, and what is below zero there is
 * shown as zero. So take the statistics of the machine for what there is in all.
 */
void sm_take_stock(struct sm_held *held)
{
	size_t i;
	long kb;

	/* Twice: what is freed may have kept something else. */
	sm_write("/proc/sys/vm/drop_caches", "3");
	sm_write("/proc/sys/vm/drop_caches", "3");
	sm_write("/proc/sys/vm/stat_refresh", "1");
	sm_write("/sys/kernel/slab/radix_tree_node/shrink", "1");
	held->all = count_unknown(held);
	for (i = 0; i < sizeof(used) / sizeof(*used); i++)
		held->all -= sm_vmstat(used[i]);
	held->all -= pages_of(sm_vmstat("nr_kernel_stack"));
	held->isolated = sm_vmstat("nr_isolated_anon") +
			 sm_vmstat("nr_isolated_file");
	held->groups = file_long("/proc/cgroups", "memory", 1) +
		       file_long("/proc/cgroups", "cpuset", 1);
	held->tree = sm_read_long("/sys/kernel/slab/radix_tree_node/objects");
	kb = file_long("/proc/meminfo", "Percpu:", 0) +
	     file_long("/proc/meminfo", "VmallocUsed:", 0) +
	     file_long("/sys/kernel/tracing/buffer_total_size_kb", "", 0);
	held->all -= pages_of(kb);
}

/* KASAN keeps for a while what has been freed; there, kmemleak knows what is lost. */
static bool more_pages(const struct sm_held *before, const struct sm_held *now)
{
	return access("/sys/kernel/debug/kmemleak", F_OK) &&
	       now->all > before->all + SLACK_PAGES;
}

static bool more(const struct sm_held *before, const struct sm_held *now)
{
	return more_pages(before, now) ||
	       now->isolated != before->isolated ||
	       now->groups > before->groups + SLACK_GROUPS ||
	       now->tree > before->tree + SLACK_TREE;
}

bool sm_leaked(struct sm_held *before)
{
	struct sm_held now;
	int tries, i;

	/* What is freed later is late, but not lost. */
	for (tries = 0; tries < TRIES; tries++) {
		sm_take_stock(&now);
		if (!more(before, &now))
			break;
		sync();
		usleep(20000);
	}
	if (getenv("SWAPMIG_STOCK") || tries == TRIES) {
		fprintf(stderr, "# pages %+ld, isolated %+ld, groups %+ld, tree nodes %+ld\n",
			now.all - before->all, now.isolated - before->isolated,
			now.groups - before->groups, now.tree - before->tree);
		for (i = 0; i < SM_MAX_NODES; i++)
			if (now.unknown[i] != before->unknown[i])
				fprintf(stderr, "# node %d: pages %+ld\n", i,
					now.unknown[i] - before->unknown[i]);
	}
	if (tries < TRIES)
		return false;
	*before = now;
	return true;
}
