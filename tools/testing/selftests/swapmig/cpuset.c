// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpusets: memory follows when the nodes of a cpuset change, and when a
 * process is moved to another one. Always in cgroup v2; in v1 when
 * cpuset.memory_migrate says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "util.h"

#define LEN	(16 * MIB)
#define A	"swapmig.a"
#define B	"swapmig.b"
#define C	"swapmig.c"
#define OTHER	12345		/* a user that owns nothing but a cpuset's nodes */

#define PEER_SET_MEMS	100
#define PEER_BECOME	101

FIXTURE(cpuset)
{
	struct sm_buffer buf;
	struct sm_peer peer;
	char node[2][8];
	int version;
	bool migrates;
	int root;
	int fd;
	pid_t writer;		/* of a test in which others go on */
};

FIXTURE_VARIANT(cpuset)
{
	int version;
	bool migrates;
};

FIXTURE_VARIANT_ADD(cpuset, v2)
{
	.version = 2, .migrates = true,
};

FIXTURE_VARIANT_ADD(cpuset, v1)
{
	.version = 1, .migrates = true,
};

FIXTURE_VARIANT_ADD(cpuset, v1_without_memory_migrate)
{
	.version = 1, .migrates = false,
};

static int group_set(struct _test_data_cpuset *self, const char *group,
		     const char *file, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", group, file);
	return sm_write_at(self->root, path, value);
}

static int group_attach(struct _test_data_cpuset *self, const char *group)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", self->peer.pid);
	return group_set(self, group, "cgroup.procs", pid);
}

static void remove_groups(int root)
{
	unlinkat(root, A, AT_REMOVEDIR);
	unlinkat(root, B, AT_REMOVEDIR);
	unlinkat(root, C, AT_REMOVEDIR);
}

/* Undo what a test has done, or one that did not get to its end. */
static void clear_root(int version)
{
	int fd = sm_mount_fd(version == 1 ? "cgroup" : "cgroup2",
			     version == 1 ? "cpuset" : NULL);

	if (fd < 0)
		return;
	remove_groups(fd);
	if (version == 2)
		sm_write_at(fd, "cgroup.subtree_control", "-cpuset");
	close(fd);
}

/*
 * The controller goes from one hierarchy to the other, and not before the
 * last user of the old one is quite gone.
 */
static int cpuset_root(int version)
{
	int fd, tries;

	for (tries = 0; tries < 100; tries++) {
		fd = version == 1 ? sm_mount_fd("cgroup", "cpuset") :
				    sm_mount_fd("cgroup2", NULL);
		if (fd >= 0 && (version == 1 ||
				!sm_write_at(fd, "cgroup.subtree_control",
					     "+cpuset"))) {
			remove_groups(fd);
			return fd;
		}
		if (fd >= 0)
			close(fd);
		else if (errno != EBUSY)
			return -1;
		usleep(50000);
	}
	return -1;
}

static int make_group(struct _test_data_cpuset *self, const char *name,
		      const char *mems)
{
	char cpus[256] = "";
	int fd;

	if (mkdirat(self->root, name, 0755))
		return -1;
	if (self->version == 1) {
		fd = openat(self->root, "cpuset.cpus", O_RDONLY);
		if (fd < 0 || read(fd, cpus, sizeof(cpus) - 1) <= 0)
			return -1;
		close(fd);
		if (group_set(self, name, "cpuset.cpus", cpus) ||
		    group_set(self, name, "cpuset.memory_migrate",
			      self->migrates ? "1" : "0"))
			return -1;
	}
	return group_set(self, name, "cpuset.mems", mems);
}

FIXTURE_SETUP(cpuset)
{
	SM_BEGIN(2);
	SM_NEED(sm_lacks_swap(SM_ZRAM));
	self->version = variant->version;
	self->migrates = variant->migrates;
	self->fd = -1;
	clear_root(3 - variant->version);
	self->root = cpuset_root(variant->version);
	if (self->root < 0)
		SM_NEED("the cpuset controller is not to be had");
	ASSERT_EQ(0, sm_swap_on(SM_ZRAM, 64 * MIB));
	for (int i = 0; i < 2; i++)
		snprintf(self->node[i], sizeof(self->node[i]), "%d",
			 sm_node(i));
	ASSERT_EQ(0, make_group(self, A, self->node[0]));
	ASSERT_EQ(0, make_group(self, B, self->node[1]));
	self->buf.addr = sm_map(LEN);
	ASSERT_TRUE(!!self->buf.addr);
	self->buf.len = LEN;
	self->buf.seed = 29;
	self->buf.node = sm_node(0);
	ASSERT_EQ(0, sm_peer_start(&self->peer, sm_serve_buffer, &self->buf));
	ASSERT_EQ(0, group_attach(self, A));
	ASSERT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_FILL));
	ASSERT_EQ(sm_pages(LEN), sm_on_node(self->peer.pid, self->buf.addr,
					    LEN, sm_node(0)));
}

FIXTURE_TEARDOWN(cpuset)
{
	sm_peer_end(&self->peer);
	if (self->fd >= 0)
		close(self->fd);
	close(self->root);
	clear_root(variant->version);
	sm_cleanup();
}

/* Memory has left the first node or not; used again it is where it may be. */
static void followed(SM_ARGS(cpuset), long long evicted, bool migrates)
{
	long pages = sm_pages(LEN);
	pid_t pid = self->peer.pid;

	if (migrates) {
		EXPECT_EQ(0, sm_on_node(pid, self->buf.addr, LEN, sm_node(0)));
		EXPECT_LE(pages, sm_vmstat("swapmig_evicted") - evicted);
	} else {
		EXPECT_EQ(pages, sm_on_node(pid, self->buf.addr, LEN,
					    sm_node(0)));
		EXPECT_EQ(evicted, sm_vmstat("swapmig_evicted"));
	}
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
	EXPECT_EQ(pages, sm_on_node(pid, self->buf.addr, LEN,
				    sm_node(migrates ? 1 : 0)));
}

SM_TEST_F(cpuset, mems_change)
{
	long long evicted = sm_vmstat("swapmig_evicted");

	ASSERT_EQ(0, group_set(self, A, "cpuset.mems", self->node[1]));
	followed(_metadata, self, evicted, variant->migrates);
}

SM_TEST_F(cpuset, attach)
{
	long long evicted = sm_vmstat("swapmig_evicted");

	ASSERT_EQ(0, group_attach(self, B));
	followed(_metadata, self, evicted, variant->migrates);
}

/*
 * A process is attached to @group, which takes as long as it takes to migrate it. Could
 * what @others do be done meanwhile?
 */
static bool others_go_on(struct _test_data_cpuset *self, const char *group,
			 int (*others)(struct _test_data_cpuset *self))
{
	long long evicted = sm_vmstat("swapmig_evicted");
	pid_t pid = sm_fork();
	bool meanwhile;

	if (pid < 0)
		return false;
	if (!pid)
		_exit(group_attach(self, group) ? 1 : 0);
	while (sm_vmstat("swapmig_evicted") == evicted)
		if (waitpid(pid, NULL, WNOHANG))
			return false;
	self->writer = 0;
	meanwhile = !others(self) &&
		    sm_vmstat("swapmig_evicted") - evicted < sm_pages(LEN);
	if (self->writer > 0 && sm_reap(self->writer))
		meanwhile = false;
	return !sm_reap(pid) && meanwhile;
}

static void keeps_nobody_waiting(SM_ARGS(cpuset),
				 int (*others)(struct _test_data_cpuset *self))
{
	int tries;

	if (!self->migrates)
		SKIP(return, "the memory does not follow");
	for (tries = 0; tries < 20; tries++) {
		unlinkat(self->root, C, AT_REMOVEDIR);
		ASSERT_EQ(0, make_group(self, C, self->node[0]));
		if (others_go_on(self, tries % 2 ? A : B, others))
			break;
		ASSERT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
	}
	EXPECT_GT(20, tries);
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
}

static int remove_group(struct _test_data_cpuset *self)
{
	return unlinkat(self->root, C, AT_REMOVEDIR);
}

SM_TEST_F(cpuset, attach_keeps_nobody_waiting)
{
	keeps_nobody_waiting(_metadata, self, remove_group);
}

/* To where they are already: there is nothing that could follow. */
static int attach_oneself(struct _test_data_cpuset *self)
{
	return sm_write_at(self->root, "cgroup.procs", "0");
}

SM_TEST_F(cpuset, attach_without_memory_does_not_wait)
{
	keeps_nobody_waiting(_metadata, self, attach_oneself);
}

/* A task that writes to a group waits, too, and maybe longer than the group lives. */
static int remove_group_written_to(struct _test_data_cpuset *self)
{
	char state;

	self->writer = sm_fork();
	if (!self->writer)
		_exit(group_set(self, C, "cpuset.mems", self->node[0]) ? 1 : 0);
	do {
		state = sm_state(self->writer);
	} while (state == 'R' || state == 'S');
	return state == 'D' ? remove_group(self) : -1;
}

SM_TEST_F(cpuset, writing_keeps_nobody_waiting)
{
	keeps_nobody_waiting(_metadata, self, remove_group_written_to);
}

/* More nodes than before: there is no reason to go. */
SM_TEST_F(cpuset, mems_grow)
{
	long long evicted = sm_vmstat("swapmig_evicted");
	char both[20];

	snprintf(both, sizeof(both), "%s,%s", self->node[0], self->node[1]);
	ASSERT_EQ(0, group_set(self, A, "cpuset.mems", both));
	followed(_metadata, self, evicted, false);
}

/*
 * A node that the target may not use is a foreign one: for CAP_SYS_NICE, and
 * even then only if the caller's own cpuset has it.
 */
SM_TEST_F(cpuset, foreign_target_node)
{
	unsigned long from = sm_bit(sm_node(0)), to = sm_bit(sm_node(1));
	long pages = sm_pages(LEN);
	pid_t pid = self->peer.pid, caller;

	caller = sm_fork();
	if (!caller) {
		char self_pid[16];

		snprintf(self_pid, sizeof(self_pid), "%d", getpid());
		if (group_set(self, A, "cgroup.procs", self_pid))
			_exit(2);
		/* With the capability, but not in the caller's cpuset. */
		if (sm_migrate(pid, from, to) != -1 || errno != EINVAL)
			_exit(3);
		if (sm_become(SM_NOBODY))
			_exit(4);
		_exit(sm_migrate(0, from, to) != -1 || errno != EPERM);
	}
	EXPECT_EQ(0, sm_reap(caller));
	EXPECT_EQ(pages, sm_on_node(pid, self->buf.addr, LEN, sm_node(0)));

	EXPECT_EQ(0, sm_migrate(pid, from, to));
	EXPECT_EQ(0, sm_on_node(pid, self->buf.addr, LEN, sm_node(0)));
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
}

static long serve_user(int what, void *arg)
{
	struct _test_data_cpuset *self = arg;

	switch (what) {
	case PEER_BECOME:
		return sm_become(OTHER);
	case PEER_SET_MEMS:
		return group_set(self, A, "cpuset.mems", self->node[1]);
	}
	return sm_serve_buffer(what, &self->buf);
}

/* A process that has what we have, and will be able to change the nodes of its cpuset. */
static void delegate(SM_ARGS(cpuset))
{
	sm_peer_end(&self->peer);
	ASSERT_EQ(0, fchownat(self->root, A "/cpuset.mems", OTHER, -1, 0));
	ASSERT_EQ(0, sm_peer_start(&self->peer, serve_user, self));
	ASSERT_EQ(0, group_attach(self, A));
	ASSERT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
	ASSERT_EQ(sm_pages(LEN), sm_on_node(self->peer.pid, self->buf.addr, LEN,
					    sm_node(0)));
}

static void shares_memory(SM_ARGS(cpuset))
{
	ASSERT_EQ(0, sm_bind(sm_node(0)));
	sm_fill(self->buf.addr, LEN, self->buf.seed);
	ASSERT_EQ(0, sm_unbind());
	delegate(_metadata, self);
}

SM_TEST_F(cpuset, shared_memory_is_evicted_by_root)
{
	shares_memory(_metadata, self);
	ASSERT_EQ(0, sm_peer_ask(&self->peer, PEER_SET_MEMS));
	EXPECT_EQ(variant->migrates ? sm_pages(LEN) : 0,
		  sm_swapped(0, self->buf.addr, LEN));
	EXPECT_EQ(0, sm_bad(self->buf.addr, LEN, self->buf.seed));
}

/* The memory of others goes along, but does not go to a swap device. */
SM_TEST_F(cpuset, shared_memory_is_moved_by_others)
{
	shares_memory(_metadata, self);
	ASSERT_EQ(0, sm_peer_ask(&self->peer, PEER_BECOME));
	ASSERT_EQ(0, sm_peer_ask(&self->peer, PEER_SET_MEMS));
	EXPECT_EQ(0, sm_swapped(0, self->buf.addr, LEN));
	EXPECT_EQ(sm_pages(LEN), sm_on_node(0, self->buf.addr, LEN,
					    sm_node(variant->migrates ? 1 : 0)));
	EXPECT_EQ(0, sm_bad(self->buf.addr, LEN, self->buf.seed));
}

/* The process reads a file of root. */
static void reads_file(SM_ARGS(cpuset))
{
	SM_NEED(sm_lacks_ext4());
	munmap(self->buf.addr, LEN);
	self->fd = sm_ext4_file();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, sm_bind(sm_node(0)));
	ASSERT_EQ(0, sm_fill_file(self->fd, LEN, self->buf.seed));
	ASSERT_EQ(0, sm_unbind());
	ASSERT_EQ(0, fchmod(self->fd, 0644));
	ASSERT_EQ(0, fsync(self->fd));
	self->buf.addr = sm_map_fd(self->fd, LEN, PROT_READ, MAP_SHARED);
	ASSERT_TRUE(!!self->buf.addr);
	delegate(_metadata, self);
}

SM_TEST_F(cpuset, cache_is_dropped_by_root)
{
	reads_file(_metadata, self);
	ASSERT_EQ(0, sm_peer_ask(&self->peer, PEER_SET_MEMS));
	EXPECT_EQ(variant->migrates ? 0 : sm_pages(LEN),
		  sm_in_memory(self->buf.addr, LEN));
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
}

/* When a file is read that is not theirs is nothing that others should learn. */
SM_TEST_F(cpuset, cache_is_kept_by_others)
{
	reads_file(_metadata, self);
	ASSERT_EQ(0, sm_peer_ask(&self->peer, PEER_BECOME));
	ASSERT_EQ(0, sm_peer_ask(&self->peer, PEER_SET_MEMS));
	EXPECT_EQ(sm_pages(LEN), sm_in_memory(self->buf.addr, LEN));
	EXPECT_EQ(sm_pages(LEN), sm_on_node(self->peer.pid, self->buf.addr, LEN,
					    sm_node(variant->migrates ? 1 : 0)));
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
}

TEST_HARNESS_MAIN
