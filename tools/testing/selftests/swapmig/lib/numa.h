/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Nodes, their CPUs, and the system calls that name nodes.
 */
#ifndef SWAPMIG_NUMA_H
#define SWAPMIG_NUMA_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* of a node's pool of huge pages: a file */
#define SM_HUGETLB							\
	"/sys/devices/system/node/node%d/hugepages/hugepages-2048kB/%s"

const char *sm_lacks_nodes(int nr);	/* @nr nodes with memory */

/* The @i-th node that has memory. */
int sm_node(int i);
unsigned long sm_all_nodes(void);

static inline unsigned long sm_bit(int node)
{
	return 1UL << node;
}

/* Most tests migrate from the first node to the second one. */
static inline unsigned long sm_from(void)
{
	return sm_bit(sm_node(0));
}

static inline unsigned long sm_to(void)
{
	return sm_bit(sm_node(1));
}

long sm_meminfo(int node, const char *key);	/* kB */
long sm_node_vmstat(int node, const char *name);

/* Raw system calls; node masks of one word. */
long sm_migrate_raw(pid_t pid, unsigned long maxnode, const void *from,
		    const void *to);
long sm_migrate(pid_t pid, unsigned long from, unsigned long to);
int sm_set_policy(int mode, unsigned long nodes);
int sm_bind(int node);			/* all new memory comes from @node */
int sm_unbind(void);
int sm_mbind(void *addr, size_t len, int mode, unsigned long nodes);
int sm_policy(void *addr, int *mode, unsigned long *nodes);

/*
 * Run on a CPU of @node from now on, so that local memory is there. Later children
 * do the same.
 */
const char *sm_lacks_cpu(int node);
const char *sm_lacks_two_cpus(void);
int sm_run_on(int node);

/* Run on @cpu only, until sm_unpin() gives back the CPUs of before the first pin. */
int sm_pin(int cpu);
int sm_unpin(void);

#endif /* SWAPMIG_NUMA_H */
