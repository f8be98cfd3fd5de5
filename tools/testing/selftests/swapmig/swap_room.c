// SPDX-License-Identifier: GPL-2.0-only
/*
 * No swap, and less of it than is needed: what does not fit stays, whole, and
 * the caller is told how much that is.
 */
#include <unistd.h>

#include "../kselftest_harness.h"
#include "util.h"

#define LEN	(16 * MIB)
#define FILE_LEN	(4 * MIB)
#define SEED	19

FIXTURE(room)
{
	unsigned long from;
	unsigned long to;
	struct sm_buffer buf;
	struct sm_peer peer;
	int node;
	int fd;
};

FIXTURE_SETUP(room)
{
	sm_cleanup();
	SM_NEED(sm_lacks_basics(2));
	SM_NEED(sm_lacks_no_swap());
	self->node = sm_node(0);
	self->from = sm_bit(self->node);
	self->to = sm_bit(sm_node(1));
	self->buf.len = LEN;
	self->buf.seed = SEED;
	self->buf.node = self->node;
	self->fd = -1;
}

FIXTURE_TEARDOWN(room)
{
	sm_peer_end(&self->peer);
	if (self->fd >= 0)
		close(self->fd);
	sm_cleanup();
}

static void start(SM_ARGS(room))
{
	ASSERT_TRUE(!!self->buf.addr);
	ASSERT_EQ(0, sm_peer_start(&self->peer, sm_serve_buffer, &self->buf));
	ASSERT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_FILL));
	ASSERT_EQ(sm_pages(LEN), sm_on_node(self->peer.pid, self->buf.addr,
					    LEN, self->node));
}

/*
 * Room for @room pages of the buffer, so no more than that can go; the
 * result is the number of pages left, and the counters know both.
 */
static void fits(SM_ARGS(room), long room)
{
	long long evicted = sm_vmstat("swapmig_evicted");
	long long failed = sm_vmstat("swapmig_failed");
	pid_t pid = self->peer.pid;
	long ret, before, left;

	before = sm_mapped_on_node(pid, self->node);
	ret = sm_migrate(pid, self->from, self->to);
	left = sm_on_node(pid, self->buf.addr, LEN, self->node);
	EXPECT_LE(sm_pages(LEN) - room, left);
	EXPECT_EQ(sm_mapped_on_node(pid, self->node), ret);
	EXPECT_EQ(ret, sm_vmstat("swapmig_failed") - failed);
	EXPECT_EQ(before - ret, sm_vmstat("swapmig_evicted") - evicted);
	EXPECT_EQ(sm_pages(LEN) - left, sm_swapped(pid, self->buf.addr, LEN));
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
}

SM_TEST_F(room, none)
{
	self->buf.addr = sm_map(LEN);
	start(_metadata, self);
	fits(_metadata, self, 0);
	/* All of it is where it was. */
	EXPECT_EQ(sm_pages(LEN), sm_on_node(self->peer.pid, self->buf.addr,
					    LEN, self->node));
}

SM_TEST_F(room, none_huge)
{
	self->buf.addr = sm_map_huge(LEN);
	if (!self->buf.addr)
		SKIP(return, "no transparent huge pages");
	start(_metadata, self);
	fits(_metadata, self, 0);
}

SM_TEST_F(room, none_shared)
{
	long long failed;

	self->buf.addr = sm_map_fd(-1, LEN, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS);
	start(_metadata, self);
	failed = sm_vmstat("swapmig_failed");
	EXPECT_LE(sm_pages(LEN), sm_migrate(self->peer.pid, self->from,
					    self->to));
	EXPECT_LE(sm_pages(LEN), sm_vmstat("swapmig_failed") - failed);
	EXPECT_EQ(sm_pages(LEN), sm_in_memory(self->buf.addr, LEN));
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
	/* It has not moved, nor been copied. */
	EXPECT_EQ(sm_pages(LEN), sm_on_node(self->peer.pid, self->buf.addr,
					    LEN, self->node));
}

/* Clean pages of a file need no swap. */
SM_TEST_F(room, none_and_a_file)
{
	char *p;

	SM_NEED(sm_lacks_ext4());
	self->fd = sm_ext4_file();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, sm_bind(self->node));
	ASSERT_EQ(0, sm_fill_file(self->fd, FILE_LEN, SEED));
	ASSERT_EQ(0, fsync(self->fd));
	p = sm_map_fd(self->fd, FILE_LEN, PROT_READ, MAP_SHARED);
	ASSERT_TRUE(!!p);
	ASSERT_EQ(0, sm_bad(p, FILE_LEN, SEED));
	self->buf.addr = sm_map(LEN);
	ASSERT_TRUE(!!self->buf.addr);
	sm_fill(self->buf.addr, LEN, SEED);
	ASSERT_EQ(0, sm_unbind());

	EXPECT_LE(sm_pages(LEN), sm_migrate(0, self->from, self->to));
	EXPECT_EQ(0, sm_present(0, p, FILE_LEN));
	EXPECT_EQ(0, sm_in_memory(p, FILE_LEN));
	EXPECT_EQ(sm_pages(LEN), sm_on_node(0, self->buf.addr, LEN,
					    self->node));
	EXPECT_EQ(0, sm_bad(p, FILE_LEN, SEED));
	EXPECT_EQ(0, sm_bad(self->buf.addr, LEN, SEED));
}

SM_TEST_F(room, too_little)
{
	SM_NEED(sm_lacks_swap(SM_ZRAM));
	ASSERT_EQ(0, sm_swap_on(SM_ZRAM, LEN / 4));
	self->buf.addr = sm_map(LEN);
	start(_metadata, self);
	fits(_metadata, self, sm_pages(LEN / 4));
	/* The room was used, but for what CPUs keep for themselves. */
	EXPECT_GE(sm_pages(LEN) - sm_pages(LEN / 8),
		  sm_on_node(self->peer.pid, self->buf.addr, LEN, self->node));
}

SM_TEST_F(room, too_little_huge)
{
	SM_NEED(sm_lacks_swap(SM_ZRAM));
	ASSERT_EQ(0, sm_swap_on(SM_ZRAM, LEN / 4));
	self->buf.addr = sm_map_huge(LEN);
	if (!self->buf.addr)
		SKIP(return, "no transparent huge pages");
	start(_metadata, self);
	fits(_metadata, self, sm_pages(LEN / 4));
}

/* Room for one device's share on each. */
SM_TEST_F(room, two_devices)
{
	SM_NEED(sm_lacks_swap(SM_ZRAM));
	SM_NEED(sm_lacks_swap(SM_DISK));
	ASSERT_EQ(0, sm_swap_on(SM_ZRAM, LEN));
	ASSERT_EQ(0, sm_swap_on(SM_DISK, LEN));
	self->buf.addr = sm_map(LEN);
	start(_metadata, self);
	EXPECT_EQ(0, sm_migrate(self->peer.pid, self->from, self->to));
	EXPECT_EQ(sm_pages(LEN), sm_swapped(self->peer.pid, self->buf.addr,
					    LEN));
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
}

/* Swap that comes and goes between calls. */
SM_TEST_F(room, off_and_on)
{
	SM_NEED(sm_lacks_swap(SM_ZRAM));
	self->buf.addr = sm_map(LEN);
	start(_metadata, self);
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, sm_swap_on(SM_ZRAM, 2 * LEN));
		/* swapoff has chosen the node. */
		EXPECT_EQ(0, sm_migrate(self->peer.pid, sm_all_nodes() &
					~self->to, self->to));
		EXPECT_EQ(0, sm_migrate(self->peer.pid, sm_all_nodes() &
					~self->from, self->from));
		EXPECT_EQ(0, sm_present(self->peer.pid, self->buf.addr, LEN));
		ASSERT_EQ(0, sm_swap_off());
		EXPECT_EQ(sm_pages(LEN), sm_present(self->peer.pid,
						    self->buf.addr, LEN));
		EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
	}
}

TEST_HARNESS_MAIN
