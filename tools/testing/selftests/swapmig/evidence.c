// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the kernel says about a migration agrees with where memory is. Each file
 * that shows it is read right after the call, while the process is at rest.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "util.h"

#define LEN	(16 * MIB)
#define TRACING	"/sys/kernel/tracing/"
#define PROBES	TRACING "kprobe_events"

FIXTURE(evidence)
{
	struct sm_buffer buf;
	struct sm_peer peer;
};

FIXTURE_VARIANT(evidence)
{
	enum sm_dev dev;
	bool huge;
};

FIXTURE_VARIANT_ADD(evidence, zram)
{
	.dev = SM_ZRAM, .huge = false,
};

FIXTURE_VARIANT_ADD(evidence, disk)
{
	.dev = SM_DISK, .huge = false,
};

FIXTURE_VARIANT_ADD(evidence, huge_zram)
{
	.dev = SM_ZRAM, .huge = true,
};

FIXTURE_VARIANT_ADD(evidence, huge_disk)
{
	.dev = SM_DISK, .huge = true,
};

FIXTURE_SETUP(evidence)
{
	SM_BEGIN(2);
	SM_SWAP_ON(variant->dev, 128 * MIB);
	ASSERT_EQ(0, sm_few_pages_on_cpus());
	self->buf.addr = variant->huge ? sm_map_huge(LEN) : sm_map(LEN);
	if (variant->huge)
		SM_NEED(self->buf.addr ? NULL : "no transparent huge pages");
	ASSERT_TRUE(!!self->buf.addr);
	self->buf.len = LEN;
	self->buf.seed = 17;
	self->buf.node = sm_node(0);
	ASSERT_EQ(0, sm_peer_start(&self->peer, sm_serve_buffer, &self->buf));
	ASSERT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_FILL));
	ASSERT_EQ(sm_pages(LEN), sm_on_node(self->peer.pid, self->buf.addr,
					    LEN, sm_node(0)));
}

static void count_no_locks(void);

FIXTURE_TEARDOWN(evidence)
{
	count_no_locks();
	sm_peer_end(&self->peer);
	sm_cleanup();
}

SM_TEST_F(evidence, process)
{
	pid_t pid = self->peer.pid;

	ASSERT_LE(sm_pages(LEN), sm_mapped_on_node(pid, sm_node(0)));
	EXPECT_EQ(0, sm_migrate(pid, sm_from(), sm_to()));
	/* move_pages(2), pagemap, numa_maps */
	EXPECT_EQ(0, sm_present(pid, self->buf.addr, LEN));
	EXPECT_EQ(sm_pages(LEN), sm_swapped(pid, self->buf.addr, LEN));
	EXPECT_EQ(0, sm_mapped_on_node(pid, sm_node(0)));
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
}

/* Frames are free: not only unmapped, and not in the swap cache. */
SM_TEST_F(evidence, node)
{
	/* Memory in transit and on the lists of CPUs; not a quarter of it. */
	long tolerance = LEN / 4 / 1024;
	long free, cached;

	cached = sm_meminfo(sm_node(0), "SwapCached");
	free = sm_meminfo(sm_node(0), "MemFree");
	ASSERT_LE(0, free);
	EXPECT_EQ(0, sm_migrate(self->peer.pid, sm_from(), sm_to()));
	EXPECT_LE((long)LEN / 1024 - tolerance,
		  sm_meminfo(sm_node(0), "MemFree") - free);
	/* What processes use meanwhile comes back through the swap cache. */
	EXPECT_GT(1024, sm_meminfo(sm_node(0), "SwapCached") - cached);
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
}

SM_TEST_F(evidence, counters)
{
	long long evicted = sm_vmstat("swapmig_evicted");
	long long failed = sm_vmstat("swapmig_failed");
	long before = sm_mapped_on_node(self->peer.pid, sm_node(0));

	EXPECT_EQ(0, sm_migrate(self->peer.pid, sm_from(), sm_to()));
	EXPECT_EQ(before - sm_mapped_on_node(self->peer.pid, sm_node(0)),
		  sm_vmstat("swapmig_evicted") - evicted);
	EXPECT_EQ(failed, sm_vmstat("swapmig_failed"));

	/* Nothing is left to do. */
	evicted = sm_vmstat("swapmig_evicted");
	EXPECT_EQ(0, sm_migrate(self->peer.pid, sm_from(), sm_to()));
	EXPECT_EQ(evicted, sm_vmstat("swapmig_evicted"));
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
}

/* Reclaim knows of pages that are being written: they count as isolated. */
SM_TEST_F(evidence, in_flight)
{
	long *most = sm_share(sizeof(*most));
	long isolated;
	pid_t pid;

	if (variant->dev != SM_DISK)
		SKIP(return, "zram writes at once");
	pid = sm_fork();
	if (!pid) {
		for (;;) {
			isolated = sm_vmstat("nr_isolated_anon");
			if (isolated > *most)
				__atomic_store_n(most, isolated, __ATOMIC_RELAXED);
		}
	}
	ASSERT_LT(0, pid);
	EXPECT_EQ(0, sm_migrate(self->peer.pid, sm_from(), sm_to()));
	sm_kill(pid);
	/* A chunk is 512 pages; each CPU keeps some to itself. */
	EXPECT_LE(256, __atomic_load_n(most, __ATOMIC_RELAXED));
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
}

/* Other people's probes stay: to write from the start would remove them. */
static int probe(const char *command)
{
	int fd = open(PROBES, O_WRONLY | O_APPEND);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = write(fd, command, strlen(command));
	close(fd);
	return n < 0 ? -1 : 0;
}

/* A test that was ended by its time limit has left the probe. */
static void count_no_locks(void)
{
	sm_write(TRACING "events/swapmig_test/locks/enable", "0");
	probe("-:swapmig_test/locks");
}

static int count_locks(void)
{
	count_no_locks();
	if (probe("p:swapmig_test/locks swapmig_refault_block_free"))
		return -1;
	return sm_write(TRACING "events/swapmig_test/locks/enable", "1");
}

static long locks(void)
{
	return sm_read_key(TRACING "kprobe_profile", "locks");
}

/* Memory goes to swap in the ordinary way, and its slots are freed on @cpu. */
static int free_slots(int cpu)
{
	const size_t len = LEN / 4;
	char *addr = sm_map(len);

	if (!addr)
		return -1;
	sm_fill(addr, len, 1);
	if (sm_page_out(addr, len) || sm_swapped(0, addr, len) != sm_pages(len) ||
	    sm_pin(cpu) || munmap(addr, len))
		return -1;
	return sm_unpin();
}

/*
 * CPUs keep slots that have been freed, and free the next ones along with them: first let
 * them free what is there of the process that was migrated.
 */
static int free_slots_of_nobody(long *nr_locks)
{
	int cpu, round;

	for (round = 0; round < 2; round++) {
		*nr_locks = locks();
		for (cpu = 0; !sm_pin(cpu); cpu++)
			if (sm_unpin() || free_slots(cpu))
				return 1;
		*nr_locks = locks() - *nr_locks;
	}
	return 0;
}

/* While there are refault nodes, a slot without one is freed without their lock. */
SM_TEST_F(evidence, locks)
{
	long *nr_locks = sm_share(sizeof(*nr_locks));
	long before;
	pid_t pid;

	SM_NEED(sm_lacks_path(PROBES));
	ASSERT_EQ(0, count_locks());
	ASSERT_EQ(0, sm_migrate(self->peer.pid, sm_from(), sm_to()));
	pid = sm_fork();
	if (!pid)
		_exit(free_slots_of_nobody(nr_locks));
	ASSERT_EQ(0, sm_reap(pid));
	EXPECT_EQ(0, *nr_locks);

	/* It is taken for the last slots that have one: locks are counted. */
	before = locks();
	ASSERT_LE(0, before);
	sm_peer_end(&self->peer);
	EXPECT_LT(0, locks() - before);
}

TEST_HARNESS_MAIN
