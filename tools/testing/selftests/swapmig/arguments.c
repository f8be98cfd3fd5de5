// SPDX-License-Identifier: GPL-2.0-only
/*
 * The arguments of migrate_pages(2) and the errors it documents.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

#include "../kselftest_harness.h"
#include "util.h"

#define LONG_BITS	(8 * sizeof(unsigned long))
#define FAILS(err, call) do {						\
	errno = 0;							\
	EXPECT_EQ(-1, call);						\
	EXPECT_EQ(err, errno);						\
} while (0)

FIXTURE(arguments)
{
	unsigned long from;
	unsigned long to;
	char *guarded;		/* a page of zeros before a page of nothing */
	char *data;
	pid_t child;
};

FIXTURE_SETUP(arguments)
{
	SM_NEED(sm_lacks_nodes(2));
	self->from = sm_bit(sm_node(0));
	self->to = sm_bit(sm_node(1));
	self->guarded = sm_map(2 * sm_page);
	ASSERT_TRUE(!!self->guarded);
	ASSERT_EQ(0, mprotect(self->guarded + sm_page, sm_page, PROT_NONE));
	self->data = sm_map(MIB);
	ASSERT_TRUE(!!self->data);
	sm_fill(self->data, MIB, 1);
}

FIXTURE_TEARDOWN(arguments)
{
	/* Whatever was asked, memory keeps its content. */
	EXPECT_EQ(0, sm_bad(self->data, MIB, 1));
	sm_kill(self->child);
}

TEST_F(arguments, no_such_process)
{
	/* The child is reaped: its number belongs to nobody for a while. */
	pid_t pid = sm_fork();

	if (!pid)
		_exit(0);
	ASSERT_LT(0, pid);
	ASSERT_EQ(0, sm_reap(pid));
	FAILS(ESRCH, sm_migrate(pid, self->from, self->to));
	FAILS(ESRCH, sm_migrate(-1, self->from, self->to));
	FAILS(ESRCH, sm_migrate(0x7fffffff, self->from, self->to));
}

TEST_F(arguments, masks_outside_the_address_space)
{
	unsigned long maxnode = LONG_BITS + 1;
	void *bad = self->guarded + sm_page;

	FAILS(EFAULT, sm_migrate_raw(0, maxnode, bad, &self->to));
	FAILS(EFAULT, sm_migrate_raw(0, maxnode, &self->from, bad));
	FAILS(EFAULT, sm_migrate_raw(0, maxnode, (void *)-sm_page, &self->to));
	FAILS(EFAULT, sm_migrate_raw(0, maxnode, &self->from, (void *)1));
}

TEST_F(arguments, mask_that_ends_outside)
{
	unsigned long *last = (void *)(self->guarded + sm_page - sizeof(long));

	/* The word that is there is enough for so few nodes ... */
	*last = self->to;
	EXPECT_LE(0, sm_migrate_raw(0, LONG_BITS + 1, &self->from, last));
	/* ... and not for more. */
	FAILS(EFAULT, sm_migrate_raw(0, 2 * LONG_BITS + 1, last, last));
}

TEST_F(arguments, huge_maxnode)
{
	FAILS(EINVAL, sm_migrate_raw(0, sm_page * 8 + 2, &self->from,
				     &self->to));
	FAILS(EINVAL, sm_migrate_raw(0, -1UL, &self->from, &self->to));
	FAILS(EINVAL, sm_migrate_raw(0, 1UL << (LONG_BITS - 1), &self->from,
				     &self->to));
	/* No node at all wraps around. */
	FAILS(EINVAL, sm_migrate_raw(0, 0, &self->from, &self->to));
}

TEST_F(arguments, large_maxnode_with_zeros)
{
	unsigned long *from, *to;

	/* As large as allowed: nothing but zeros beyond the nodes there are. */
	from = sm_map(2 * sm_page);
	to = sm_map(2 * sm_page);
	ASSERT_TRUE(!!from);
	ASSERT_TRUE(!!to);
	from[0] = self->from;
	to[0] = self->to;
	EXPECT_LE(0, sm_migrate_raw(0, sm_page * 8 + 1, from, to));

	/* One bit far beyond. */
	to[sm_page / sizeof(long) - 1] = 1;
	FAILS(EINVAL, sm_migrate_raw(0, sm_page * 8 + 1, from, to));
	to[sm_page / sizeof(long) - 1] = 0;
	from[sm_page / sizeof(long) - 1] = 1UL << (LONG_BITS - 1);
	FAILS(EINVAL, sm_migrate_raw(0, sm_page * 8 + 1, from, to));
}

TEST_F(arguments, bits_from_maxnode_on_are_ignored)
{
	unsigned long rubbish = -1UL << (LONG_BITS - 8);
	unsigned long from = self->from | rubbish;
	unsigned long to = self->to | rubbish;

	/* For each size that ends in the middle of a word. */
	for (unsigned long max = 10; max <= LONG_BITS - 7; max++)
		EXPECT_LE(0, sm_migrate_raw(0, max, &from, &to));
}

TEST_F(arguments, no_target_node)
{
	unsigned long none = 0;

	FAILS(EINVAL, sm_migrate(0, self->from, none));
	FAILS(EINVAL, sm_migrate_raw(0, LONG_BITS + 1, &self->from, NULL));
	FAILS(EINVAL, sm_migrate_raw(0, 1, &self->from, &self->to));
	FAILS(EINVAL, sm_migrate_raw(0, 0, NULL, NULL));
}

TEST_F(arguments, target_node_that_does_not_exist)
{
	unsigned long absent = ~sm_all_nodes() & (1UL << (LONG_BITS - 1));

	/* Beyond what the kernel supports, or just not there. */
	SM_NEED(sm_lacks_root());
	FAILS(EINVAL, sm_migrate(0, self->from, absent));
}

TEST_F(arguments, no_source_node)
{
	EXPECT_EQ(0, sm_migrate(0, 0, self->to));
	EXPECT_EQ(0, sm_migrate_raw(0, LONG_BITS + 1, NULL, &self->to));
}

TEST_F(arguments, nowhere_to_go)
{
	long before = sm_present(0, self->data, MIB);

	/* Every source node is a target node as well. */
	EXPECT_EQ(0, sm_migrate(0, self->from, self->from));
	EXPECT_EQ(0, sm_migrate(0, self->from, self->from | self->to));
	EXPECT_EQ(before, sm_present(0, self->data, MIB));
}

TEST_F(arguments, kernel_thread)
{
	/* kthreadd, which has no memory of its own. */
	SM_NEED(sm_lacks_root());
	SM_NEED(access("/proc/2/exe", F_OK) && !access("/proc/2", F_OK) ?
		NULL : "process 2 is no kernel thread");
	FAILS(EINVAL, sm_migrate(2, self->from, self->to));
}

TEST_F(arguments, zombie)
{
	siginfo_t info;

	self->child = sm_fork();
	if (!self->child)
		_exit(0);
	ASSERT_LT(0, self->child);
	ASSERT_EQ(0, waitid(P_PID, self->child, &info, WEXITED | WNOWAIT));
	FAILS(EINVAL, sm_migrate(self->child, self->from, self->to));
}

static void *thread(void *arg)
{
	long *result = arg;

	result[2] = sm_migrate(syscall(SYS_gettid), result[0], result[1]);
	return NULL;
}

TEST_F(arguments, thread_id)
{
	long result[3] = { self->from, self->to, -1 };
	pthread_t id;

	ASSERT_EQ(0, pthread_create(&id, NULL, thread, result));
	ASSERT_EQ(0, pthread_join(id, NULL));
	EXPECT_LE(0, result[2]);
}

#ifdef __x86_64__
/* The system calls of 32-bit programs, which a 64-bit one can make as well. */
static long call_ia32(int nr, int pid, unsigned int maxnode, const void *from,
		      const void *to)
{
	long ret;

	asm volatile("int $0x80" : "=a" (ret)
		     : "a" (nr), "b" (pid), "c" (maxnode), "d" (from), "S" (to)
		     : "memory", "r8", "r9", "r10", "r11");
	return ret;
}

#define IA32_GETPID		20
#define IA32_MIGRATE_PAGES	294

static const char *lacks_ia32(void)
{
	pid_t pid = sm_fork();

	if (!pid)
		_exit(call_ia32(IA32_GETPID, 0, 0, NULL, NULL) != getpid());
	return sm_reap(pid) ? "kernel without 32-bit system calls" : NULL;
}

TEST_F(arguments, pointers_above_4_gib)
{
	int prot = PROT_READ | PROT_WRITE;
	uint32_t *low, *high;

	SM_NEED(lacks_ia32());
	low = sm_map_fd(-1, sm_page, prot,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT);
	ASSERT_TRUE(!!low);
	high = mmap((char *)low + (1UL << 32), sm_page, prot,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	ASSERT_NE(MAP_FAILED, high);

	/* A word has 32 bits: the next one is rubbish that is not looked at. */
	low[0] = self->from;
	low[1] = -1;
	low[2] = self->to;
	low[3] = -1;
	EXPECT_LE(0, call_ia32(IA32_MIGRATE_PAGES, 0, 33, low, low + 2));

	/* Only the lower half of a pointer arrives, and there is nothing there. */
	memcpy(high, low, 4 * sizeof(*low));
	ASSERT_EQ(0, mprotect(low, sm_page, PROT_NONE));
	EXPECT_EQ(-EFAULT, call_ia32(IA32_MIGRATE_PAGES, 0, 33, high, high + 2));
	EXPECT_EQ(-EFAULT, call_ia32(IA32_MIGRATE_PAGES, 0, 33, NULL, high + 2));
}
#endif

TEST_HARNESS_MAIN
