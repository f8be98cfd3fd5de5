// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that swap cannot carry: locked, huge by hugetlbfs, pinned. They must
 * keep their content and their users, and the caller must be told how many of
 * them did not leave.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#include "../kselftest_harness.h"
#include "util.h"

#define LEN	(4 * MIB)
#define SEED	11
#define HUGETLB	"/sys/devices/system/node/node%d/hugepages/hugepages-2048kB/%s"

FIXTURE(stays)
{
	unsigned long from;
	unsigned long to;
	int node;
	char *addr;
	size_t len;
	int pipe[2];
	int ring;
};

FIXTURE_SETUP(stays)
{
	sm_cleanup();
	SM_NEED(sm_lacks_basics(2));
	SM_NEED(sm_lacks_swap(SM_ZRAM));
	ASSERT_EQ(0, sm_swap_on(SM_ZRAM, 64 * MIB));
	self->node = sm_node(0);
	self->from = sm_bit(self->node);
	self->to = sm_bit(sm_node(1));
	self->len = LEN;
	self->pipe[0] = -1;
	self->pipe[1] = -1;
	self->ring = -1;
	ASSERT_EQ(0, sm_bind(self->node));
}

FIXTURE_TEARDOWN(stays)
{
	close(self->pipe[0]);
	close(self->pipe[1]);
	close(self->ring);
	if (self->addr)
		munmap(self->addr, self->len);
	sm_unbind();
	sm_cleanup();
}

/*
 * Of the memory of the test @stuck pages cannot be evicted. No other path can
 * carry them yet: they are counted, and stay where they are.
 */
static void stay(SM_ARGS(stays), long stuck)
{
	long long failed;
	long ret;

	ASSERT_EQ(0, sm_unbind());
	failed = sm_vmstat("swapmig_failed");
	ret = sm_migrate(0, self->from, self->to);
	EXPECT_EQ(stuck, ret);
	EXPECT_EQ(stuck, sm_vmstat("swapmig_failed") - failed);
}

/* These are the pages from @addr on, and nothing else of the memory is left. */
static void stay_in_place(SM_ARGS(stays), void *addr, long stuck)
{
	size_t len = stuck * sm_page;

	stay(_metadata, self, stuck);
	EXPECT_EQ(stuck, sm_in_memory(self->addr, self->len));
	EXPECT_EQ(stuck, sm_in_memory(addr, len));
	/* A pinned page may have been unmapped. */
	sm_touch(addr, len);
	EXPECT_EQ(stuck, sm_on_node(0, addr, len, self->node));
}

SM_TEST_F(stays, mlocked)
{
	self->addr = sm_map(self->len);
	ASSERT_TRUE(!!self->addr);
	sm_fill(self->addr, self->len, SEED);
	ASSERT_EQ(0, mlock(self->addr, self->len));
	stay_in_place(_metadata, self, self->addr, sm_pages(self->len));
	EXPECT_EQ((long)self->len / 1024, sm_smaps(self->addr, "Locked"));
	EXPECT_EQ(0, sm_bad(self->addr, self->len, SEED));

	/* Once unlocked they are like any other. */
	ASSERT_EQ(0, munlock(self->addr, self->len));
	stay(_metadata, self, 0);
	EXPECT_EQ(0, sm_in_memory(self->addr, self->len));
	EXPECT_EQ(0, sm_bad(self->addr, self->len, SEED));
}

SM_TEST_F(stays, mlocked_in_part)
{
	long locked = sm_pages(self->len) / 4;

	self->addr = sm_map(self->len);
	ASSERT_TRUE(!!self->addr);
	sm_fill(self->addr, self->len, SEED);
	ASSERT_EQ(0, mlock(self->addr + 64 * sm_page, locked * sm_page));
	stay_in_place(_metadata, self, self->addr + 64 * sm_page, locked);
	EXPECT_EQ(0, sm_bad(self->addr, self->len, SEED));
}

SM_TEST_F(stays, mlocked_huge)
{
	self->addr = sm_map_huge(self->len);
	if (!self->addr)
		SKIP(return, "no transparent huge pages");
	sm_fill(self->addr, self->len, SEED);
	if (sm_smaps(self->addr, "AnonHugePages") != (long)self->len / 1024)
		SKIP(return, "no transparent huge pages to be had");
	ASSERT_EQ(0, mlock(self->addr, self->len));
	stay_in_place(_metadata, self, self->addr, sm_pages(self->len));
	EXPECT_EQ(0, sm_bad(self->addr, self->len, SEED));
}

static void hugetlb(SM_ARGS(stays), int flags)
{
	char path[128], value[32];
	long have;

	snprintf(path, sizeof(path), HUGETLB, self->node, "nr_hugepages");
	SM_NEED(sm_lacks_path(path));
	have = sm_read_long(path);
	snprintf(value, sizeof(value), "%ld", have + (long)(LEN / SM_HUGE));
	ASSERT_EQ(0, sm_set(path, value));
	if (sm_read_long(path) != have + (long)(LEN / SM_HUGE))
		SKIP(return, "no huge pages to be had");
	self->addr = sm_map_fd(-1, self->len, PROT_READ | PROT_WRITE,
			       flags | MAP_ANONYMOUS | MAP_HUGETLB);
	ASSERT_TRUE(!!self->addr);
	sm_fill(self->addr, self->len, SEED);
	stay_in_place(_metadata, self, self->addr, sm_pages(self->len));
	EXPECT_EQ(0, sm_bad(self->addr, self->len, SEED));
	/* The pool is to shrink again. */
	munmap(self->addr, self->len);
	self->addr = NULL;
}

SM_TEST_F(stays, hugetlb_private)
{
	hugetlb(_metadata, self, MAP_PRIVATE);
}

SM_TEST_F(stays, hugetlb_shared)
{
	hugetlb(_metadata, self, MAP_SHARED);
}

/* Pages that a pipe has. What is written later must arrive. */
SM_TEST_F(stays, pinned_by_vmsplice)
{
	long pinned = 16;
	char page[sm_page];
	struct iovec vec;

	self->addr = sm_map(self->len);
	ASSERT_TRUE(!!self->addr);
	sm_fill(self->addr, self->len, SEED);
	ASSERT_EQ(0, pipe(self->pipe));
	vec.iov_base = self->addr + 100 * sm_page;
	vec.iov_len = pinned * sm_page;
	ASSERT_EQ((ssize_t)vec.iov_len, vmsplice(self->pipe[1], &vec, 1, 0));
	stay_in_place(_metadata, self, vec.iov_base, pinned);

	/* It is the same page on both sides. */
	for (long i = 0; i < pinned; i++)
		sm_fill_page(self->addr + (100 + i) * sm_page, SEED + 1, i);
	for (long i = 0; i < pinned; i++) {
		ASSERT_EQ((ssize_t)sm_page, read(self->pipe[0], page, sm_page));
		EXPECT_TRUE(sm_page_is(page, SEED + 1, i));
		sm_fill_page(self->addr + (100 + i) * sm_page, SEED, 100 + i);
	}
	EXPECT_EQ(0, sm_bad(self->addr, self->len, SEED));
}

/* Pages registered with io_uring: pinned until further notice. */
SM_TEST_F(stays, pinned_by_io_uring)
{
	struct io_uring_params params = { 0 };
	long pinned = 16;
	struct iovec vec;

	self->ring = syscall(SYS_io_uring_setup, 4, &params);
	if (self->ring < 0)
		SKIP(return, "no io_uring: %s", strerror(errno));
	self->addr = sm_map(self->len);
	ASSERT_TRUE(!!self->addr);
	sm_fill(self->addr, self->len, SEED);
	vec.iov_base = self->addr + 100 * sm_page;
	vec.iov_len = pinned * sm_page;
	ASSERT_EQ(0, syscall(SYS_io_uring_register, self->ring,
			     IORING_REGISTER_BUFFERS, &vec, 1));
	/* Pinning may have moved them, though not off their node. */
	stay_in_place(_metadata, self, vec.iov_base, pinned);
	EXPECT_EQ(0, sm_bad(self->addr, self->len, SEED));
}

/*
 * Memory of a device (VM_PFNMAP, VM_IO): not to be touched, not to be counted.
 * Each process has a little of it, where the vDSO finds the time.
 */
SM_TEST_F(stays, device_memory)
{
	struct timespec before, after;
	glob_t found = { 0 };
	size_t i;
	int fd;

	self->len = sm_page;
	if (!glob("/sys/bus/pci/devices/*/resource[0-5]", 0, NULL, &found)) {
		for (i = 0; i < found.gl_pathc && !self->addr; i++) {
			fd = open(found.gl_pathv[i], O_RDWR);
			if (fd < 0)
				continue;
			self->addr = sm_map_fd(fd, self->len, PROT_READ,
					       MAP_SHARED);
			close(fd);
		}
	}
	globfree(&found);
	if (!self->addr)
		SKIP(return, "no memory of a PCI device to map");
	ASSERT_EQ(0, clock_gettime(CLOCK_MONOTONIC, &before));
	stay(_metadata, self, 0);
	ASSERT_EQ(0, clock_gettime(CLOCK_MONOTONIC, &after));
	EXPECT_LE(before.tv_sec, after.tv_sec);
}

TEST_HARNESS_MAIN
