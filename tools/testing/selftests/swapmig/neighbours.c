// SPDX-License-Identifier: GPL-2.0-only
/*
 * The migration of a process costs other processes nothing, and its cost follows the
 * pages that the process has.
 */
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "util.h"

#define LEN	(8 * MIB)
#define SEED	23

FIXTURE(neighbours)
{
	char *addr;
	int fd;
	pid_t filler;
	struct sm_peer peer;
};

FIXTURE_VARIANT(neighbours)
{
	const char *path;
};

FIXTURE_VARIANT_ADD(neighbours, swap)
{
	.path = "swap",
};

FIXTURE_VARIANT_ADD(neighbours, direct)
{
	.path = "direct",
};

/*
 * The major faults that a touch of the file takes.  The program is in a tmpfs, so its
 * own pages may be in swap: run the code once before.
 */
static long serve_major_faults(int what, void *addr)
{
	struct rusage before = { }, after;

	sm_touch(&before, sm_page);
	getrusage(RUSAGE_SELF, &before);
	sm_touch(addr, LEN);
	getrusage(RUSAGE_SELF, &after);
	return after.ru_majflt - before.ru_majflt;
}

FIXTURE_SETUP(neighbours)
{
	self->fd = -1;
	SM_BEGIN(2);
	SM_NEED(sm_lacks_ext4());
	SM_SWAP_ON(SM_ZRAM, 64 * MIB);
	ASSERT_EQ(0, sm_prefer(variant->path));

	ASSERT_EQ(0, sm_bind(sm_node(0)));
	self->fd = sm_ext4_file();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, sm_fill_file(self->fd, LEN, SEED));
	ASSERT_EQ(0, fsync(self->fd));
	self->addr = sm_map_fd(self->fd, LEN, PROT_READ | PROT_WRITE,
			       MAP_SHARED);
	ASSERT_TRUE(!!self->addr);
	ASSERT_EQ(0, sm_bad(self->addr, LEN, SEED));
	ASSERT_EQ(0, sm_unbind());
	ASSERT_EQ(sm_pages(LEN), sm_on_node(0, self->addr, LEN, sm_node(0)));

	/* Another process maps the file, too. */
	ASSERT_EQ(0, sm_peer_start(&self->peer, serve_major_faults, self->addr));
	ASSERT_LE(0, sm_peer_ask(&self->peer, 0));
}

FIXTURE_TEARDOWN(neighbours)
{
	if (self->filler > 0)
		sm_kill(self->filler);
	sm_peer_end(&self->peer);
	if (self->addr)
		munmap(self->addr, LEN);
	if (self->fd >= 0)
		close(self->fd);
	sm_unbind();
	sm_cleanup();
}

/* All of the file is on the new node, though nobody has touched it since. */
static void file_moves(SM_ARGS(neighbours), uint64_t seed)
{
	EXPECT_EQ(0, sm_migrate(0, sm_from(), sm_to()));

	EXPECT_EQ(sm_pages(LEN), sm_in_memory(self->addr, LEN));
	EXPECT_EQ(0, sm_peer_ask(&self->peer, 0));
	EXPECT_EQ(0, sm_bad(self->addr, LEN, seed));
	EXPECT_EQ(sm_pages(LEN),
		  sm_on_node(0, self->addr, LEN, sm_node(1)));
}

SM_TEST_F(neighbours, clean_file)
{
	file_moves(_metadata, self, SEED);
}

SM_TEST_F(neighbours, dirty_file)
{
	sm_fill(self->addr, LEN, SEED + 1);
	file_moves(_metadata, self, SEED + 1);
	EXPECT_EQ(0, fsync(self->fd));
}

/* What cannot be moved is dropped, as the caller owns the file. */
SM_TEST_F(neighbours, full_target)
{
	long there;

	self->filler = sm_fill_node(sm_node(1));
	ASSERT_LT(0, self->filler);
	EXPECT_EQ(0, sm_migrate(0, sm_from(), sm_to()));
	EXPECT_EQ(0, sm_on_node(0, self->addr, LEN, sm_node(0)));

	/* The node had room for a few pages; the page cache has no others. */
	there = sm_on_node(0, self->addr, LEN, sm_node(1));
	EXPECT_GT(sm_pages(LEN), there);
	EXPECT_LE(sm_in_memory(self->addr, LEN), there);
	EXPECT_EQ(0, sm_bad(self->addr, LEN, SEED));
}

#define MAPPINGS	200

/* Memory of a file that the process has mapped many times. */
FIXTURE(mappings)
{
	char *addr[MAPPINGS];
	int fd;
};

FIXTURE_VARIANT(mappings)
{
	const char *path;
};

FIXTURE_VARIANT_ADD(mappings, swap)
{
	.path = "swap",
};

FIXTURE_VARIANT_ADD(mappings, direct)
{
	.path = "direct",
};

FIXTURE_SETUP(mappings)
{
	self->fd = -1;
	SM_BEGIN(2);
	SM_NEED(sm_lacks_traces());
	SM_SWAP_ON(SM_ZRAM, 64 * MIB);
	ASSERT_EQ(0, sm_prefer(variant->path));
	self->fd = memfd_create("swapmig", MFD_CLOEXEC);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, ftruncate(self->fd, LEN));
	sm_trace_end();
}

FIXTURE_TEARDOWN(mappings)
{
	for (int i = 0; i < MAPPINGS; i++)
		if (self->addr[i])
			munmap(self->addr[i], LEN);
	if (self->fd >= 0)
		close(self->fd);
	sm_trace_end();
	sm_unbind();
	sm_cleanup();
}

/* What has been looked at, since the trace is on. */
static long entries_looked_at(void)
{
	char line[512], *p;
	long all = 0;
	FILE *f = fopen(SM_TRACE "/trace", "r");

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		p = strstr(line, " scanned=");
		if (p)
			all += atol(p + strlen(" scanned="));
	}
	fclose(f);
	return all;
}

/* What is in swap is looked for once, not for each mapping. */
SM_TEST_F(mappings, of_one_file)
{
	long pages = sm_pages(LEN), looked;

	ASSERT_EQ(0, sm_bind(sm_node(0)));
	for (int i = 0; i < MAPPINGS; i++) {
		self->addr[i] = sm_map_fd(self->fd, LEN, PROT_READ | PROT_WRITE,
					  MAP_SHARED);
		ASSERT_TRUE(!!self->addr[i]);
		if (i)
			continue;
		sm_fill(self->addr[0], LEN, SEED);
		ASSERT_EQ(0, sm_page_out(self->addr[0] + LEN / 2, sm_page));
	}
	ASSERT_EQ(0, sm_unbind());
	ASSERT_EQ(pages - 1,
		  sm_on_node(0, self->addr[0], LEN, sm_node(0)));

	ASSERT_EQ(0, sm_trace("swapmig_chunk"));
	EXPECT_EQ(0, sm_migrate(0, sm_bit(sm_node(0)), sm_bit(sm_node(1))));
	looked = entries_looked_at();
	EXPECT_LE(pages, looked);
	/* Page cache, page tables, those of the program; a few for each mapping. */
	EXPECT_GE(4 * pages + 16 * MAPPINGS, looked);

	EXPECT_EQ(0, sm_bad(self->addr[0], LEN, SEED));
	EXPECT_EQ(pages,
		  sm_on_node(0, self->addr[0], LEN, sm_node(1)));
}

/* Each mapping shows another part, some of them twice. */
SM_TEST_F(mappings, of_parts)
{
	const size_t part = LEN / 8;
	long pages = sm_pages(part);

	ASSERT_EQ(0, sm_bind(sm_node(0)));
	ASSERT_EQ(0, sm_fill_file(self->fd, LEN, SEED));
	self->addr[0] = sm_map_fd(self->fd, LEN, PROT_READ, MAP_SHARED);
	ASSERT_TRUE(!!self->addr[0]);
	sm_touch(self->addr[0], LEN);
	ASSERT_EQ(0, sm_unbind());
	ASSERT_EQ(0, sm_page_out(self->addr[0], LEN));
	/* The first, the third and the fourth, and the sixth are left. */
	ASSERT_EQ(0, munmap(self->addr[0] + part, part));
	ASSERT_EQ(0, munmap(self->addr[0] + 4 * part, part));
	ASSERT_EQ(0, munmap(self->addr[0] + 6 * part, 2 * part));
	self->addr[1] = mmap(NULL, 3 * part, PROT_READ, MAP_SHARED, self->fd, 0);
	ASSERT_NE(MAP_FAILED, (void *)self->addr[1]);

	ASSERT_EQ(0, sm_run_on(sm_node(0)));
	EXPECT_EQ(0, sm_migrate(0, sm_bit(sm_node(0)), sm_bit(sm_node(1))));
	self->addr[2] = sm_map_fd(self->fd, LEN, PROT_READ, MAP_SHARED);
	ASSERT_TRUE(!!self->addr[2]);
	EXPECT_EQ(0, sm_bad(self->addr[2], LEN, SEED));
	for (int i = 0; i < 8; i++)
		EXPECT_EQ(i == 4 || i >= 6 ? 0 : pages,
			  sm_on_node(0, self->addr[2] + i * part, part, sm_node(1)));
}

/* Where the compressed pages are that zram has written. */
static long zspages(int node)
{
	return sm_node_vmstat(node, "nr_zspages");
}

FIXTURE(caller)
{
	pid_t pid;
};

FIXTURE_SETUP(caller)
{
	SM_BEGIN(2);
	SM_NEED(sm_lacks_cpu(sm_node(0)));
	ASSERT_EQ(0, sm_prefer("swap"));
}

FIXTURE_TEARDOWN(caller)
{
	if (self->pid > 0)
		sm_kill(self->pid);
	sm_unbind();
	sm_unpin();
	sm_cleanup();
}

/* Memory that an eviction takes does not come from the node that is left. */
SM_TEST_F(caller, compresses_elsewhere)
{
	int nr_nodes = __builtin_popcountl(sm_all_nodes()), i;
	long here, elsewhere = 0;
	char *addr;

	SM_NEED(sm_lacks_swap(SM_ZRAM));
	ASSERT_EQ(0, sm_swap_on(SM_ZRAM, 64 * MIB));
	ASSERT_EQ(0, sm_bind(sm_node(0)));
	addr = sm_map(LEN);
	ASSERT_TRUE(!!addr);
	sm_fill(addr, LEN, SEED);
	ASSERT_EQ(0, sm_unbind());

	/* Without more ado, memory comes from here. */
	ASSERT_EQ(0, sm_run_on(sm_node(0)));
	here = zspages(sm_node(0));
	ASSERT_LE(0, here);
	for (i = 1; i < nr_nodes; i++)
		elsewhere -= zspages(sm_node(i));
	EXPECT_EQ(0, sm_migrate(0, sm_bit(sm_node(0)), sm_bit(sm_node(1))));
	EXPECT_EQ(sm_pages(LEN), sm_swapped(0, addr, LEN));
	for (i = 1; i < nr_nodes; i++)
		elsewhere += zspages(sm_node(i));
	EXPECT_LT(0, elsewhere);
	/* Other tasks may evict something, too. */
	EXPECT_GE(here + elsewhere / 16, zspages(sm_node(0)));
	EXPECT_EQ(0, sm_bad(addr, LEN, SEED));
	munmap(addr, LEN);
}

SM_TEST_F(caller, keeps_its_policy)
{
	unsigned long nodes;
	int mode;

	ASSERT_EQ(0, sm_set_policy(MPOL_PREFERRED | MPOL_F_STATIC_NODES,
				   sm_bit(sm_node(0))));
	EXPECT_EQ(0, sm_migrate(0, sm_bit(sm_node(0)), sm_bit(sm_node(1))));
	ASSERT_EQ(0, sm_policy(NULL, &mode, &nodes));
	EXPECT_EQ(MPOL_PREFERRED | MPOL_F_STATIC_NODES, mode);
	EXPECT_EQ(sm_bit(sm_node(0)), nodes);
}

#define SPIN_SECONDS	20

enum { STARTING, SPINNING, TOLD_TO_STOP, GAVE_UP };

/*
 * Keep a CPU, and in its batch a page that is to go to the LRU: only a worker on this
 * CPU can flush that.
 */
static int spin(int *state, char *page)
{
	struct sched_param param = { .sched_priority = 1 };
	struct timespec now, start;
	char *other = sm_map(sm_page);

	if (!other || sm_pin(1) || sched_setscheduler(0, SCHED_FIFO, &param))
		return 1;
	*other = 1;
	/* This flushes the batch, so that the next page stays there. */
	munmap(other, sm_page);
	*page = 1;
	clock_gettime(CLOCK_MONOTONIC, &start);
	__atomic_store_n(state, SPINNING, __ATOMIC_RELEASE);
	do {
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (__atomic_load_n(state, __ATOMIC_ACQUIRE) == TOLD_TO_STOP)
			return 0;
	} while (now.tv_sec - start.tv_sec < SPIN_SECONDS);
	__atomic_store_n(state, GAVE_UP, __ATOMIC_RELEASE);
	return 0;
}

/* A call does without a CPU that a real-time task keeps. */
SM_TEST_F(caller, waits_for_no_real_time_task)
{
	unsigned long to = sm_bit(sm_node(1));
	int *state = sm_share(sm_page);
	char *page = sm_share(sm_page);

	SM_NEED(sm_lacks_two_cpus());
	ASSERT_EQ(0, sm_set("/proc/sys/kernel/sched_rt_runtime_us", "-1"));
	ASSERT_EQ(0, sm_pin(0));
	*state = STARTING;
	/* If the task had to wait for another page of its own, a worker could run. */
	ASSERT_EQ(0, sm_migrate(0, sm_all_nodes() & ~to, to));
	ASSERT_EQ(0, sm_bind(sm_node(0)));
	self->pid = sm_fork();
	if (!self->pid)
		_exit(spin(state, page));
	ASSERT_LT(0, self->pid);
	ASSERT_EQ(0, sm_unbind());
	while (__atomic_load_n(state, __ATOMIC_ACQUIRE) == STARTING)
		ASSERT_EQ(0, waitpid(self->pid, NULL, WNOHANG));
	sm_touch(page, sm_page);

	EXPECT_LE(0, sm_migrate(0, sm_bit(sm_node(0)), to));
	EXPECT_EQ(1, sm_on_node(0, page, sm_page, sm_node(0)));
	EXPECT_EQ(SPINNING, __atomic_exchange_n(state, TOLD_TO_STOP, __ATOMIC_ACQ_REL));
	EXPECT_EQ(0, sm_reap(self->pid));
	self->pid = 0;
	munmap(page, sm_page);
	munmap(state, sm_page);
}

TEST_HARNESS_MAIN
