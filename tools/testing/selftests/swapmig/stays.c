// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pages that neither path can take. They must keep their content and their users,
 * and the call must return how many of them did not leave.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "../kselftest_harness.h"
#include "util.h"

#define LEN	(4 * MIB)
#define SEED	11

FIXTURE(stays)
{
	char *addr;
	size_t len;
	int pipe[2];
	int ring;
};

FIXTURE_VARIANT(stays)
{
	const char *path;
};

FIXTURE_VARIANT_ADD(stays, swap)
{
	.path = "swap",
};

FIXTURE_VARIANT_ADD(stays, direct)
{
	.path = "direct",
};

FIXTURE_VARIANT_ADD(stays, auto)
{
	.path = "auto",
};

FIXTURE_SETUP(stays)
{
	SM_BEGIN(2);
	SM_NEED(sm_lacks_traces());
	SM_SWAP_ON(SM_ZRAM, 64 * MIB);
	ASSERT_EQ(0, sm_prefer(variant->path));
	self->len = LEN;
	self->pipe[0] = -1;
	self->pipe[1] = -1;
	self->ring = -1;
	ASSERT_EQ(0, sm_bind(sm_node(0)));
}

FIXTURE_TEARDOWN(stays)
{
	close(self->pipe[0]);
	close(self->pipe[1]);
	close(self->ring);
	if (self->addr)
		munmap(self->addr, self->len);
	sm_unbind();
	sm_trace_end();
	sm_cleanup();
}

/* Of the memory of the test @stuck pages cannot leave, and are counted. */
static void stay(SM_ARGS(stays), long stuck)
{
	long long failed;

	ASSERT_EQ(0, sm_unbind());
	ASSERT_EQ(0, sm_trace("swapmig_end"));
	failed = sm_vmstat("swapmig_failed");
	EXPECT_EQ(stuck, sm_migrate(0, sm_from(), sm_to()));
	EXPECT_EQ(stuck, sm_vmstat("swapmig_failed") - failed);
	EXPECT_EQ(stuck, sm_traced_left(" failed="));
	EXPECT_EQ(stuck, sm_traced_left(" pinned="));
}

/* These are the pages from @addr on; nothing else is left on their node. */
static void stay_in_place(SM_ARGS(stays), void *addr, long stuck)
{
	size_t len = stuck * sm_page;

	stay(_metadata, self, stuck);
	/* Nobody has unmapped them in vain. */
	EXPECT_EQ(stuck, sm_on_node(0, addr, len, sm_node(0)));
	EXPECT_EQ(stuck, sm_on_node(0, self->addr, self->len, sm_node(0)));
	sm_touch(self->addr, self->len);
	EXPECT_EQ(sm_pages(self->len) - stuck,
		  sm_on_node(0, self->addr, self->len, sm_node(1)));
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

/* Memory of a device (VM_PFNMAP, VM_IO): not to be touched, not to be counted. */
SM_TEST_F(stays, device_memory)
{
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
	stay(_metadata, self, 0);
}

TEST_HARNESS_MAIN
