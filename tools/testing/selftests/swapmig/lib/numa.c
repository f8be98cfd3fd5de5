// SPDX-License-Identifier: GPL-2.0-only
/*
 * Nodes, their CPUs, and the system calls that name nodes. See numa.h.
 */
#include <errno.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "files.h"
#include "numa.h"

unsigned long sm_all_nodes(void)
{
	unsigned long mask = 0, a, b;
	char buf[256], *p = buf;

	if (sm_read_line("/sys/devices/system/node/has_memory", buf, sizeof(buf)))
		return 0;
	while (*p) {
		a = strtoul(p, &p, 10);
		b = *p == '-' ? strtoul(p + 1, &p, 10) : a;
		for (; a <= b && a < 8 * sizeof(mask); a++)
			mask |= 1UL << a;
		if (*p != ',')
			break;
		p++;
	}
	return mask;
}

int sm_node(int i)
{
	unsigned long mask = sm_all_nodes();

	while (mask && i--)
		mask &= mask - 1;
	return mask ? __builtin_ctzl(mask) : -1;
}

const char *sm_lacks_nodes(int nr)
{
	static char why[64];

	if (__builtin_popcountl(sm_all_nodes()) >= nr)
		return NULL;
	snprintf(why, sizeof(why), "fewer than %d nodes with memory", nr);
	return why;
}

long sm_meminfo(int node, const char *key)
{
	char path[SM_PATH_LEN];

	snprintf(path, sizeof(path),
		 "/sys/devices/system/node/node%d/meminfo", node);
	return sm_read_key(path, key);
}

long sm_node_vmstat(int node, const char *name)
{
	char path[SM_PATH_LEN];

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/vmstat", node);
	return sm_read_key(path, name);
}

long sm_migrate_raw(pid_t pid, unsigned long maxnode, const void *from,
		    const void *to)
{
	return syscall(SYS_migrate_pages, pid, maxnode, from, to);
}

/* The kernel looks at one bit less than it is told. */
#define MAXNODE		(8 * sizeof(unsigned long) + 1)

long sm_migrate(pid_t pid, unsigned long from, unsigned long to)
{
	return sm_migrate_raw(pid, MAXNODE, &from, &to);
}

int sm_set_policy(int mode, unsigned long nodes)
{
	return syscall(SYS_set_mempolicy, mode, nodes ? &nodes : NULL,
		       nodes ? MAXNODE : 0);
}

int sm_bind(int node)
{
	return sm_set_policy(MPOL_BIND, sm_bit(node));
}

int sm_unbind(void)
{
	return sm_set_policy(MPOL_DEFAULT, 0);
}

int sm_mbind(void *addr, size_t len, int mode, unsigned long nodes)
{
	return syscall(SYS_mbind, addr, len, mode,
		       nodes ? &nodes : NULL, nodes ? MAXNODE : 0, 0);
}

/* Of the mapping at @addr, or of the task when that is NULL. */
int sm_policy(void *addr, int *mode, unsigned long *nodes)
{
	/* Room for as many nodes as a kernel may have. */
	unsigned long mask[1024 / (8 * sizeof(unsigned long))] = { 0 };
	int ret;

	ret = syscall(SYS_get_mempolicy, mode, mask, 8 * sizeof(mask), addr,
		      addr ? MPOL_F_ADDR : 0);
	*nodes = mask[0];
	return ret;
}

static int first_cpu(int node)
{
	char path[SM_PATH_LEN], list[256];

	snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/cpulist",
		 node);
	if (sm_read_line(path, list, sizeof(list)) || !list[0])
		return -1;
	return strtol(list, NULL, 10);
}

const char *sm_lacks_cpu(int node)
{
	static char why[64];

	if (first_cpu(node) >= 0)
		return NULL;
	snprintf(why, sizeof(why), "no CPU on node %d", node);
	return why;
}

const char *sm_lacks_two_cpus(void)
{
	return sysconf(_SC_NPROCESSORS_ONLN) < 2 ? "there is one CPU only" : NULL;
}

static int run_on_cpu(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	return sched_setaffinity(0, sizeof(set), &set);
}

int sm_run_on(int node)
{
	int cpu = first_cpu(node);

	if (cpu < 0) {
		errno = ENODEV;
		return -1;
	}
	return run_on_cpu(cpu);
}

static cpu_set_t before_pin;
static bool pinned;

int sm_pin(int cpu)
{
	if (!pinned && sched_getaffinity(0, sizeof(before_pin), &before_pin))
		return -1;
	pinned = true;
	return run_on_cpu(cpu);
}

int sm_unpin(void)
{
	if (!pinned)
		return 0;
	pinned = false;
	return sched_setaffinity(0, sizeof(before_pin), &before_pin);
}

