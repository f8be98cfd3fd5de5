// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpusets: memory follows when the nodes of a cpuset change, and when a
 * process is moved to another one. Always in cgroup v2; in v1 when
 * cpuset.memory_migrate says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "../kselftest_harness.h"
#include "util.h"

#define LEN	(16 * MIB)
#define A	"swapmig.a"
#define B	"swapmig.b"

FIXTURE(cpuset)
{
	struct sm_buffer buf;
	struct sm_peer peer;
	char node[2][8];
	int root;
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
		      const char *mems, bool migrates, int version)
{
	char cpus[256] = "";
	int fd;

	if (mkdirat(self->root, name, 0755))
		return -1;
	if (version == 1) {
		fd = openat(self->root, "cpuset.cpus", O_RDONLY);
		if (fd < 0 || read(fd, cpus, sizeof(cpus) - 1) <= 0)
			return -1;
		close(fd);
		if (group_set(self, name, "cpuset.cpus", cpus) ||
		    group_set(self, name, "cpuset.memory_migrate",
			      migrates ? "1" : "0"))
			return -1;
	}
	return group_set(self, name, "cpuset.mems", mems);
}

FIXTURE_SETUP(cpuset)
{
	SM_BEGIN(2);
	SM_NEED(sm_lacks_swap(SM_ZRAM));
	clear_root(3 - variant->version);
	self->root = cpuset_root(variant->version);
	if (self->root < 0)
		SM_NEED("the cpuset controller is not to be had");
	ASSERT_EQ(0, sm_swap_on(SM_ZRAM, 64 * MIB));
	for (int i = 0; i < 2; i++)
		snprintf(self->node[i], sizeof(self->node[i]), "%d",
			 sm_node(i));
	ASSERT_EQ(0, make_group(self, A, self->node[0], variant->migrates,
				variant->version));
	ASSERT_EQ(0, make_group(self, B, self->node[1], variant->migrates,
				variant->version));
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

TEST_HARNESS_MAIN
