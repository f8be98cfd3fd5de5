// SPDX-License-Identifier: GPL-2.0-only
/*
 * cpusets: memory follows when the nodes of a cpuset change, and when a
 * process is moved to another one. Always in cgroup v2; in v1 when
 * cpuset.memory_migrate says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "util.h"

#define LEN	(16 * MIB)
#define A	"swapmig.a"
#define B	"swapmig.b"
#define C	"swapmig.c"
#define CHILD	C "/child"
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
	unlinkat(root, CHILD, AT_REMOVEDIR);
	unlinkat(root, C, AT_REMOVEDIR);
}

/* Undo what a test has done, or one that did not get to its end. */
static void clear_root(int version)
{
	static const char *const controllers[] = { "-cpuset", "-memory", "-io" };
	int fd = sm_mount_fd(version == 1 ? "cgroup" : "cgroup2",
			     version == 1 ? "cpuset" : NULL);

	if (fd < 0)
		return;
	remove_groups(fd);
	if (version == 2)
		for (unsigned int i = 0; i < ARRAY_SIZE(controllers); i++)
			sm_write_at(fd, "cgroup.subtree_control", controllers[i]);
	close(fd);
}

static int cpuset_root(int version)
{
	int fd = sm_cgroup_of(version, "cpuset");

	if (fd >= 0)
		remove_groups(fd);
	return fd;
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
	meanwhile = !others(self) &&
		    sm_vmstat("swapmig_evicted") - evicted < sm_pages(LEN);
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

/* The cache of the file is where the nodes of the cpuset are now. */
static void cache_follows(SM_ARGS(cpuset), bool migrates)
{
	ASSERT_EQ(0, sm_peer_ask(&self->peer, PEER_SET_MEMS));
	EXPECT_EQ(sm_pages(LEN), sm_in_memory(self->buf.addr, LEN));
	EXPECT_EQ(sm_pages(LEN), sm_on_node(self->peer.pid, self->buf.addr, LEN,
					    sm_node(migrates ? 1 : 0)));
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
}

SM_TEST_F(cpuset, cache_is_moved_by_root)
{
	reads_file(_metadata, self);
	cache_follows(_metadata, self, variant->migrates);
}

SM_TEST_F(cpuset, cache_is_moved_by_others)
{
	reads_file(_metadata, self);
	ASSERT_EQ(0, sm_peer_ask(&self->peer, PEER_BECOME));
	cache_follows(_metadata, self, variant->migrates);
}

/* What another user has opened has that user's rights, even if root writes to it. */
SM_TEST_F(cpuset, opener_has_the_say)
{
	int fd;

	shares_memory(_metadata, self);
	ASSERT_EQ(0, seteuid(OTHER));
	fd = openat(self->root, A "/cpuset.mems", O_WRONLY);
	ASSERT_EQ(0, seteuid(0));
	ASSERT_LE(0, fd);
	ASSERT_EQ((ssize_t)strlen(self->node[1]),
		  write(fd, self->node[1], strlen(self->node[1])));
	close(fd);
	EXPECT_EQ(0, sm_swapped(0, self->buf.addr, LEN));
	EXPECT_EQ(sm_pages(LEN), sm_on_node(0, self->buf.addr, LEN,
					    sm_node(variant->migrates ? 1 : 0)));
	EXPECT_EQ(0, sm_bad(self->buf.addr, LEN, self->buf.seed));
}

/* Where the memory of others may go is not up to the cpuset of the writer. */
SM_TEST_F(cpuset, writer_without_target_node)
{
	long long evicted = sm_vmstat("swapmig_evicted");
	pid_t writer;

	ASSERT_EQ(0, sm_prefer("direct"));
	ASSERT_EQ(0, make_group(self, C, self->node[0]));
	writer = sm_fork();
	if (!writer) {
		if (sm_write_at(self->root, C "/cgroup.procs", "0"))
			_exit(2);
		if (group_set(self, A, "cpuset.mems", self->node[1]))
			_exit(3);
		/* And it has gained no node. */
		void *own = sm_map(MIB);

		if (!own)
			_exit(4);
		sm_fill(own, MIB, 1);
		_exit(sm_on_node(0, own, MIB, sm_node(0)) != sm_pages(MIB));
	}
	EXPECT_EQ(0, sm_reap(writer));
	EXPECT_EQ(sm_pages(LEN), sm_on_node(self->peer.pid, self->buf.addr, LEN,
					    sm_node(variant->migrates ? 1 : 0)));
	EXPECT_EQ(evicted, sm_vmstat("swapmig_evicted"));
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
}

/*
 * A migration that does not end before the test wants it to: io.max lets the swap
 * device write two bytes a second for the group A, which is the least possible.
 */
#define THREADS	150

#define PEER_THREADS	102

FIXTURE(blocked)
{
	struct _test_data_cpuset groups;
	struct sm_peer other;		/* in group B */
	char other_pid[16];
	pid_t writer;
	int ring;
};

static void *rest(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static long serve_threads(int what, void *arg)
{
	pthread_t thread;
	int i;

	if (what != PEER_THREADS)
		return sm_serve_buffer(what, arg);
	for (i = 1; i < THREADS; i++)
		if (pthread_create(&thread, NULL, rest, NULL))
			return -1;
	return 0;
}

static int limit_writes(struct _test_data_blocked *self, const char *limit)
{
	return sm_limit_writes(self->groups.root, A, limit);
}

FIXTURE_SETUP(blocked)
{
	struct _test_data_cpuset *groups = &self->groups;

	SM_NEED(sm_lacks_limits());
	SM_BEGIN(2);
	SM_NEED(sm_lacks_swap(SM_DISK));
	SM_NEED(sm_lacks_traces());
	groups->version = 2;
	groups->migrates = true;
	groups->fd = -1;
	self->ring = -1;
	clear_root(1);
	groups->root = cpuset_root(2);
	if (groups->root < 0 ||
	    sm_write_at(groups->root, "cgroup.subtree_control", "+memory +io"))
		SM_NEED("the controllers are not to be had");
	for (int i = 0; i < 2; i++)
		snprintf(groups->node[i], sizeof(groups->node[i]), "%d",
			 sm_node(i));
	ASSERT_EQ(0, make_group(groups, A, groups->node[0]));
	if (limit_writes(self, "max"))
		SM_NEED("io.max is not to be had");
	ASSERT_EQ(0, sm_swap_on(SM_DISK, 64 * MIB));
	ASSERT_EQ(0, sm_prefer("swap"));
	ASSERT_EQ(0, make_group(groups, B, groups->node[0]));
	ASSERT_EQ(0, make_group(groups, C, groups->node[0]));
	groups->buf.addr = sm_map(LEN);
	ASSERT_TRUE(!!groups->buf.addr);
	groups->buf.len = LEN;
	groups->buf.seed = 31;
	groups->buf.node = sm_node(0);
	ASSERT_EQ(0, sm_peer_start(&groups->peer, serve_threads, &groups->buf));
	ASSERT_EQ(0, sm_peer_start(&self->other, serve_threads, &groups->buf));
	snprintf(self->other_pid, sizeof(self->other_pid), "%d", self->other.pid);
	ASSERT_EQ(0, group_attach(groups, A));
	ASSERT_EQ(0, sm_cgroup_attach(groups->root, B, self->other.pid));
	ASSERT_EQ(0, sm_peer_ask(&groups->peer, SM_PEER_FILL));
	ASSERT_EQ(0, sm_peer_ask(&self->other, SM_PEER_FILL));
	sm_trace_end();
	ASSERT_EQ(0, sm_trace("swapmig_begin"));
	ASSERT_EQ(0, sm_trace("swapmig_end"));
}

FIXTURE_TEARDOWN(blocked)
{
	limit_writes(self, "max");
	sm_kill(self->writer);
	sm_peer_end(&self->groups.peer);
	sm_peer_end(&self->other);
	if (self->ring >= 0)
		close(self->ring);
	sm_trace_end();
	close(self->groups.root);
	clear_root(2);
	sm_cleanup();
}

/* Begin to migrate @group, which does not end before limit_writes() says so. */
static void block(SM_ARGS(blocked), const char *group)
{
	int before = sm_traced("swapmig_begin:");

	ASSERT_EQ(0, limit_writes(self, "2"));
	self->writer = sm_fork();
	ASSERT_LE(0, self->writer);
	if (!self->writer)
		_exit(group_set(&self->groups, group, "cpuset.mems",
				self->groups.node[1]) ? 1 : 0);
	while (sm_traced("swapmig_begin:") <= before)
		ASSERT_EQ(0, waitpid(self->writer, NULL, WNOHANG));
}

static void unblock(SM_ARGS(blocked))
{
	EXPECT_EQ(0, waitpid(self->writer, NULL, WNOHANG));
	EXPECT_EQ(0, limit_writes(self, "max"));
	EXPECT_EQ(0, sm_reap(self->writer));
	self->writer = 0;
}

/*
 * The status of a child, which ends while A is blocked: one that waits for A does not
 * end, and the test's time limit says so.
 */
static int ends(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid ? status : -1;
}

/* A child that changes A for the second time; its change is made, but not followed. */
static pid_t change_back(struct _test_data_blocked *self)
{
	char mems[16] = "";
	pid_t pid = sm_fork();
	int fd;

	if (!pid)
		_exit(group_set(&self->groups, A, "cpuset.mems",
				self->groups.node[0]) ? 1 : 0);
	fd = openat(self->groups.root, A "/cpuset.mems", O_RDONLY);
	while (atoi(mems) != sm_node(0) || !mems[0] || sm_state(pid) != 'D')
		if (waitpid(pid, NULL, WNOHANG) ||
		    pread(fd, mems, sizeof(mems) - 1, 0) <= 0)
			return -1;
	close(fd);
	return pid;
}

/* The write of @value to @file is done while A is blocked. Its errno is @error. */
static bool meanwhile(struct _test_data_blocked *self, const char *group,
		      const char *file, const char *value, int error)
{
	pid_t pid = sm_fork();

	if (!pid) {
		errno = 0;
		group_set(&self->groups, group, file, value);
		_exit(errno);
	}
	return ends(pid) == W_EXITCODE(error, 0) &&
	       !waitpid(self->writer, NULL, WNOHANG);
}

SM_TEST_F(blocked, nothing_to_migrate)
{
	block(_metadata, self, A);
	EXPECT_TRUE(meanwhile(self, B, "cpuset.cpus", "0", 0));
	EXPECT_TRUE(meanwhile(self, A, "cpuset.cpus", "0", 0));
	EXPECT_TRUE(meanwhile(self, B, "cpuset.mems", self->groups.node[0], 0));
	EXPECT_TRUE(meanwhile(self, A, "cpuset.mems", self->groups.node[1], 0));
	EXPECT_TRUE(meanwhile(self, C, "cpuset.mems", self->groups.node[1], 0));
	EXPECT_TRUE(meanwhile(self, B, "cpuset.mems", "x", EINVAL));
	EXPECT_TRUE(meanwhile(self, B, "cgroup.procs", self->other_pid, 0));
	unblock(_metadata, self);
	EXPECT_EQ(0, sm_peer_ask(&self->groups.peer, SM_PEER_BAD));
}

/* A process that goes to a group with other nodes, but has its own memory there. */
SM_TEST_F(blocked, attach_of_others)
{
	pid_t pid;

	block(_metadata, self, A);
	ASSERT_TRUE(meanwhile(self, C, "cpuset.mems", self->groups.node[1], 0));
	pid = sm_fork();
	if (!pid)
		_exit(sm_write_at(self->groups.root, B "/cgroup.procs", "0") ||
		      sm_write_at(self->groups.root, C "/cgroup.procs", "0"));
	EXPECT_EQ(0, ends(pid));
	unblock(_metadata, self);
}

SM_TEST_F(blocked, two_at_a_time)
{
	long long evicted;

	block(_metadata, self, A);
	evicted = sm_vmstat("swapmig_evicted");
	pid_t pid = sm_fork();

	if (!pid)
		_exit(group_set(&self->groups, B, "cpuset.mems",
				self->groups.node[1]) ? 1 : 0);
	EXPECT_EQ(0, ends(pid));
	EXPECT_EQ(1, sm_traced("swapmig_end:"));
	EXPECT_EQ(0, sm_on_node(self->other.pid, self->groups.buf.addr, LEN,
				sm_node(0)));
	EXPECT_LE(sm_pages(LEN), sm_vmstat("swapmig_evicted") - evicted);
	EXPECT_EQ(0, waitpid(self->writer, NULL, WNOHANG));
	EXPECT_EQ(0, limit_writes(self, "max"));
	EXPECT_EQ(0, sm_reap(self->writer));
	self->writer = 0;
	EXPECT_EQ(0, sm_peer_ask(&self->groups.peer, SM_PEER_BAD));
	EXPECT_EQ(0, sm_peer_ask(&self->other, SM_PEER_BAD));
}

SM_TEST_F(blocked, killed_writer)
{
	pid_t second;

	block(_metadata, self, A);
	/* It comes after the first change of the same memory. */
	second = change_back(self);
	ASSERT_LT(0, second);
	kill(second, SIGKILL);
	EXPECT_EQ(SIGKILL, ends(second));
	EXPECT_EQ(1, sm_traced("swapmig_begin:"));
	EXPECT_EQ(0, sm_traced("swapmig_end:"));

	kill(self->writer, SIGKILL);
	EXPECT_EQ(SIGKILL, ends(self->writer));
	self->writer = 0;
	EXPECT_EQ(0, limit_writes(self, "max"));
	/* Nothing of it is in the way of the next one. */
	EXPECT_EQ(0, group_set(&self->groups, A, "cpuset.mems",
			       self->groups.node[1]));
	EXPECT_EQ(0, sm_on_node(self->groups.peer.pid, self->groups.buf.addr,
				LEN, sm_node(0)));
	EXPECT_EQ(0, sm_peer_ask(&self->groups.peer, SM_PEER_BAD));
}

/*
 * A group that has been written to can be removed before the write is done. What the
 * process has it keeps charged to A, with the limit.
 */
SM_TEST_F(blocked, group_goes)
{
	struct _test_data_cpuset *groups = &self->groups;
	pid_t second, remover;

	ASSERT_EQ(0, group_attach(groups, C));
	block(_metadata, self, C);
	second = sm_fork();
	if (!second)
		_exit(group_attach(groups, B) ? 1 : 0);
	remover = sm_fork();
	if (!remover) {
		while (unlinkat(groups->root, C, AT_REMOVEDIR))
			if (errno != EBUSY)
				_exit(1);
		_exit(0);
	}
	EXPECT_EQ(0, ends(remover));
	unblock(_metadata, self);
	EXPECT_EQ(0, sm_reap(second));
	EXPECT_EQ(0, sm_peer_ask(&groups->peer, SM_PEER_BAD));
	EXPECT_EQ(sm_pages(LEN), sm_on_node(groups->peer.pid, groups->buf.addr,
					    LEN, sm_node(0)));
}

/* Two changes of the same memory: where it ends is what the later one says. */
SM_TEST_F(blocked, in_order)
{
	pid_t second;

	block(_metadata, self, A);
	second = change_back(self);
	ASSERT_LT(0, second);
	EXPECT_EQ(1, sm_traced("swapmig_begin:"));
	unblock(_metadata, self);
	EXPECT_EQ(0, sm_reap(second));
	EXPECT_EQ(2, sm_traced("swapmig_end:"));
	EXPECT_EQ(0, sm_peer_ask(&self->groups.peer, SM_PEER_BAD));
	EXPECT_EQ(sm_pages(LEN), sm_on_node(self->groups.peer.pid,
					    self->groups.buf.addr, LEN,
					    sm_node(0)));
}

/*
 * Without the controller, the processes of a group's children have the nodes of the
 * group. Nobody else waits for what they do.
 */
SM_TEST_F(blocked, controller_goes)
{
	char both[20], pid[16];
	pid_t child;

	snprintf(both, sizeof(both), "%s,%s", self->groups.node[0],
		 self->groups.node[1]);
	ASSERT_EQ(0, group_set(&self->groups, C, "cpuset.mems", both));
	ASSERT_EQ(0, group_set(&self->groups, C, "cgroup.subtree_control",
			       "+cpuset"));
	ASSERT_EQ(0, make_group(&self->groups, CHILD, self->groups.node[0]));
	child = sm_fork();
	if (!child)
		rest(NULL);
	snprintf(pid, sizeof(pid), "%d", child);
	EXPECT_EQ(0, group_set(&self->groups, CHILD, "cgroup.procs", pid));

	block(_metadata, self, A);
	EXPECT_TRUE(meanwhile(self, C, "cgroup.subtree_control", "-cpuset", 0));
	EXPECT_TRUE(meanwhile(self, B, "cgroup.procs", self->other_pid, 0));
	unblock(_metadata, self);
	sm_kill(child);
}

/* Once, however many threads it has. */
SM_TEST_F(blocked, many_threads)
{
	ASSERT_EQ(0, sm_peer_ask(&self->groups.peer, PEER_THREADS));
	EXPECT_EQ(0, group_set(&self->groups, A, "cpuset.mems",
			       self->groups.node[1]));
	EXPECT_EQ(1, sm_traced("swapmig_begin:"));
	EXPECT_EQ(1, sm_traced("swapmig_end:"));
	EXPECT_EQ(0, sm_on_node(self->groups.peer.pid, self->groups.buf.addr,
				LEN, sm_node(0)));
	EXPECT_EQ(0, sm_peer_ask(&self->groups.peer, SM_PEER_BAD));
}

/* A write that a thread of the kernel makes for us ends when the memory has followed. */
SM_TEST_F(blocked, io_uring)
{
	struct io_uring_params params = { 0 };
	struct io_uring_sqe *sqe;
	char *rings, pid[16];
	unsigned int *tail;
	size_t size;
	int fd;

	self->ring = syscall(SYS_io_uring_setup, 1, &params);
	if (self->ring < 0)
		SKIP(return, "no io_uring: %s", strerror(errno));
	if (!(params.features & IORING_FEAT_SINGLE_MMAP))
		SKIP(return, "an io_uring of two mappings");
	size = params.cq_off.cqes +
	       params.cq_entries * sizeof(struct io_uring_cqe);
	if (size < params.sq_off.array + sizeof(unsigned int))
		size = params.sq_off.array + sizeof(unsigned int);
	rings = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, self->ring,
		     IORING_OFF_SQ_RING);
	ASSERT_NE(MAP_FAILED, rings);
	sqe = mmap(NULL, sizeof(*sqe), PROT_READ | PROT_WRITE, MAP_SHARED,
		   self->ring, IORING_OFF_SQES);
	ASSERT_NE(MAP_FAILED, sqe);
	tail = (unsigned int *)(rings + params.cq_off.tail);

	ASSERT_EQ(0, group_set(&self->groups, C, "cpuset.mems",
			       self->groups.node[1]));
	fd = openat(self->groups.root, C "/cgroup.procs", O_WRONLY);
	ASSERT_LE(0, fd);
	snprintf(pid, sizeof(pid), "%d", self->groups.peer.pid);
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = IORING_OP_WRITE;
	sqe->flags = IOSQE_ASYNC;
	sqe->fd = fd;
	sqe->addr = (unsigned long)pid;
	sqe->len = strlen(pid);
	*(unsigned int *)(rings + params.sq_off.array) = 0;
	__atomic_store_n((unsigned int *)(rings + params.sq_off.tail), 1,
			 __ATOMIC_RELEASE);

	ASSERT_EQ(0, limit_writes(self, "2"));
	ASSERT_EQ(1, syscall(SYS_io_uring_enter, self->ring, 1, 0, 0, NULL, 0));
	while (sm_traced("swapmig_begin:") < 1 &&
	       !__atomic_load_n(tail, __ATOMIC_ACQUIRE))
		;
	EXPECT_EQ(0, __atomic_load_n(tail, __ATOMIC_ACQUIRE));
	EXPECT_EQ(0, sm_traced("swapmig_end:"));
	EXPECT_EQ(0, limit_writes(self, "max"));
	ASSERT_EQ(0, syscall(SYS_io_uring_enter, self->ring, 0, 1,
			     IORING_ENTER_GETEVENTS, NULL, 0));
	EXPECT_EQ(1, sm_traced("swapmig_end:"));
	EXPECT_EQ((int)strlen(pid), ((struct io_uring_cqe *)
				     (rings + params.cq_off.cqes))->res);
	EXPECT_EQ(0, sm_on_node(self->groups.peer.pid, self->groups.buf.addr,
				LEN, sm_node(0)));
	close(fd);
	EXPECT_EQ(0, sm_peer_ask(&self->groups.peer, SM_PEER_BAD));
}

TEST_HARNESS_MAIN
