// SPDX-License-Identifier: GPL-2.0-only
/*
 * Races of migration with what happens to the target, and to the machine, from
 * outside. See race.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "race.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

/* Several migrators, and others who look at the target's memory or use it */

static int round_migrators(struct race_run *run, long nr)
{
	struct race_region *r = &run->shared->region[nr % RACE_REGIONS];
	char page[sm_page];
	struct iovec here = { .iov_base = page, .iov_len = sm_page };
	struct iovec there = {
		.iov_base = r->addr +
			    race_random(run, sm_pages(r->len)) * sm_page,
		.iov_len = sm_page,
	};

	RACE_CHECK(run, process_vm_readv(run->target, &here, 1, &there, 1, 0) ==
		   (ssize_t)sm_page);
	RACE_CHECK(run, sm_present(run->target, r->addr, r->len) >= 0);
	RACE_CHECK(run, sm_swapped(run->target, r->addr, r->len) >= 0);
	RACE_CHECK(run, sm_mapped_on_node(run->target, sm_node(0)) >= 0);
	return 1;
}

static const struct race race_migrators = {
	.name = "migrators", .outside = true, .migrators = 3,
	.round = round_migrators, .rounds = 10,
};

/* The path changes while calls are under way. */

static int begin_path(struct race_run *run)
{
	return sm_prefer("swap");
}

static int round_path(struct race_run *run, long nr)
{
	RACE_CHECK(run, !sm_write(SM_PATH, nr % 2 ? "swap" : "direct"));
	usleep(race_random(run, 100000));
	return 1;
}

static const struct race race_path = {
	.name = "path", .outside = true, .any_path = true,
	.begin = begin_path, .round = round_path, .rounds = 20,
};

/* Advice from another process */

static int begin_process_madvise(struct race_run *run)
{
	static int fd;

	fd = syscall(SYS_pidfd_open, run->target, 0);
	run->data = &fd;
	return fd < 0 ? -1 : 0;
}

/* Only some memory can collapse, and not while it is in a migrator's hands. */
static int round_process_madvise(struct race_run *run, long nr)
{
	static const int advice[] = {
		MADV_PAGEOUT, MADV_COLD, MADV_WILLNEED, MADV_COLLAPSE,
	};
	struct race_region *r = &run->shared->region[nr % RACE_REGIONS];
	struct iovec iov = { .iov_base = r->addr, .iov_len = r->len };
	int what = advice[nr / RACE_REGIONS % 4];
	bool done;

	done = syscall(SYS_process_madvise, *(int *)run->data, &iov, 1UL, what,
		       0UL) == (long)r->len;
	RACE_CHECK(run, done || what == MADV_COLLAPSE);
	return done;
}

static void end_process_madvise(struct race_run *run)
{
	if (run->data)
		close(*(int *)run->data);
}

static const struct race race_process_madvise = {
	.name = "process_madvise", .outside = true,
	.begin = begin_process_madvise, .round = round_process_madvise,
	.end = end_process_madvise, .rounds = 32,
};

/* Swap that goes off, with everything brought back, and on again */

static int round_swapoff(struct race_run *run, long nr)
{
	RACE_CHECK(run, !sm_swap_off_and_on());
	return 1;
}

/* Where a control group has no memory left, swapoff cannot bring its pages back. */
static const struct race race_swapoff = {
	.name = "swapoff", .outside = true, .not_with = "oom",
	.round = round_swapoff, .rounds = 4,
};

/* Control groups */

struct groups {
	int root;
	char name[2][32];
};

static void remove_groups(struct groups *g)
{
	int i;

	for (i = 0; i < 2; i++)
		unlinkat(g->root, g->name[i], AT_REMOVEDIR);
}

static int make_groups(struct race_run *run, int root)
{
	static struct groups g;
	int i;

	RACE_CHECK(run, root >= 0);
	g.root = root;
	for (i = 0; i < 2; i++)
		snprintf(g.name[i], sizeof(g.name[i]), "race.%s.%d",
			 run->race->name, i);
	run->data = &g;
	remove_groups(&g);
	for (i = 0; i < 2; i++)
		RACE_CHECK(run, !mkdirat(root, g.name[i], 0755));
	return 0;
}

static void end_groups(struct race_run *run)
{
	struct groups *g = run->data;

	if (!g)
		return;
	remove_groups(g);
	close(g->root);
}

static int set(struct race_run *run, int i, const char *file, const char *value)
{
	struct groups *g = run->data;
	char path[80];

	snprintf(path, sizeof(path), "%s/%s", g->name[i], file);
	return sm_write_at(g->root, path, value);
}

static int attach(struct race_run *run, int i, pid_t pid)
{
	struct groups *g = run->data;

	return sm_cgroup_attach(g->root, g->name[i], pid);
}

/*
 * A hierarchy of version 1 lives on as long as its last groups take to die; to be
 * asked for again makes it look whether they have. The controller comes back a little
 * later.
 */
static int cgroup_v2(const char *controller)
{
	char enable[32];
	int tries, fd;

	snprintf(enable, sizeof(enable), "+%s", controller);
	for (tries = 0; tries < 100; tries++) {
		fd = sm_mount_fd("cgroup2", NULL);
		if (fd < 0)
			break;
		if (!sm_write_at(fd, "cgroup.subtree_control", enable))
			return fd;
		close(fd);
		fd = sm_mount_fd("cgroup", controller);
		if (fd >= 0)
			close(fd);
		sm_write("/proc/sys/vm/drop_caches", "3");
		usleep(50000);
	}
	return -1;
}

static const char *lacks_v2(const char *controller)
{
	int fd = cgroup_v2(controller);

	if (fd >= 0)
		close(fd);
	return fd < 0 ? "cgroup version 2 lacks the controller" : NULL;
}

static const char *lacks_memcg(void)
{
	return lacks_v2("memory");
}

static int begin_memcg(struct race_run *run)
{
	return make_groups(run, cgroup_v2("memory"));
}

static int begin_memcg_limits(struct race_run *run)
{
	RACE_CHECK(run, !begin_memcg(run));
	RACE_CHECK(run, !attach(run, 0, run->target));
	return 0;
}

static int round_memcg_limits(struct race_run *run, long nr)
{
	static const char * const limit[][2] = {
		{ "memory.high", "4M" }, { "memory.high", "max" },
		{ "memory.swap.max", "1M" }, { "memory.swap.max", "0" },
		{ "memory.swap.max", "max" }, { "memory.reclaim", "2M" },
	};
	int i = nr % 6;

	if (set(run, 0, limit[i][0], limit[i][1])) {
		/* What is to be reclaimed may be in a migrator's hands. */
		RACE_CHECK(run, i == 5 && errno == EAGAIN);
		return 0;
	}
	usleep(race_random(run, 5000));
	return 1;
}

static const struct race race_memcg_limits = {
	.name = "memcg_limits", .lacks = lacks_memcg, .outside = true,
	.begin = begin_memcg_limits, .round = round_memcg_limits,
	.end = end_groups, .rounds = 12,
};

static int round_moves(struct race_run *run, long nr)
{
	RACE_CHECK(run, !attach(run, nr % 2, run->target));
	usleep(race_random(run, 5000));
	return 1;
}

static const struct race race_memcg_moves = {
	.name = "memcg_moves", .lacks = lacks_memcg, .outside = true,
	.begin = begin_memcg, .round = round_moves, .end = end_groups,
	.rounds = 20,
};

/*
 * In version 1 charges can move along, and pages are isolated for that. The controller
 * must not be taken from version 2 for it: CPUs may still have charges of groups there
 * at hand, and give them back to counters that they were never taken from. That is a bug
 * of the kernel, but none of migration.
 */
#define MOVE_CHARGES	"memory.move_charge_at_immigrate"
static int v1_root = -1;

static const char *lacks_memcg_v1(void)
{
	char line[128];
	int hierarchy = 0;
	FILE *f = fopen("/proc/cgroups", "r");

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "memory %d", &hierarchy);
	if (f)
		fclose(f);
	v1_root = hierarchy ? sm_mount_fd("cgroup", "memory") : -1;
	return v1_root < 0 ? "the memory controller is not of cgroup version 1" : NULL;
}

static int begin_memcg_charges(struct race_run *run)
{
	RACE_CHECK(run, !make_groups(run, v1_root));
	RACE_CHECK(run, !set(run, 0, MOVE_CHARGES, "3"));
	RACE_CHECK(run, !set(run, 1, MOVE_CHARGES, "3"));
	return 0;
}

/*
 * Charges for the system's own files, which the target maps, have moved along, and would
 * keep the groups from dying. We map the same files, and take them back to the root.
 */
static void end_memcg_charges(struct race_run *run)
{
	struct groups *g = run->data;

	if (!g)
		return;
	sm_write_at(g->root, MOVE_CHARGES, "3");
	attach(run, 0, getpid());
	attach(run, 1, getpid());
	sm_cgroup_attach(g->root, ".", getpid());
	sm_write_at(g->root, MOVE_CHARGES, "0");
	end_groups(run);
}

static const struct race race_memcg_charges = {
	.name = "memcg_charges", .lacks = lacks_memcg_v1, .outside = true,
	.begin = begin_memcg_charges, .round = round_moves,
	.end = end_memcg_charges, .rounds = 8,
};

static const char *lacks_cpuset(void)
{
	return lacks_v2("cpuset");
}

static int begin_cpuset(struct race_run *run)
{
	RACE_CHECK(run, !make_groups(run, cgroup_v2("cpuset")));
	RACE_CHECK(run, !attach(run, 0, run->target));
	return 0;
}

static int round_cpuset(struct race_run *run, long nr)
{
	unsigned long all = sm_all_nodes();
	unsigned long some = race_random(run, 2 * all) & all;
	char list[256] = "";
	int i, node;

	for (i = 0; (node = sm_node(i)) >= 0; i++)
		if ((some ? some : all) & sm_bit(node))
			sprintf(list + strlen(list), "%d,", node);
	RACE_CHECK(run, !set(run, race_random(run, 2), "cpuset.mems", list));
	RACE_CHECK(run, !attach(run, race_random(run, 2), run->target));
	return 1;
}

static const struct race race_cpuset = {
	.name = "cpuset", .lacks = lacks_cpuset, .outside = true,
	.begin = begin_cpuset, .round = round_cpuset, .end = end_groups,
	.rounds = 10,
};

/* A process that grows until the OOM killer stops it, and is migrated */

static int begin_oom(struct race_run *run)
{
	RACE_CHECK(run, !begin_memcg(run));
	RACE_CHECK(run, !set(run, 0, "memory.max", "4M"));
	RACE_CHECK(run, !set(run, 0, "memory.swap.max", "2M"));
	return 0;
}

static int round_oom(struct race_run *run, long nr)
{
	size_t len = 64 * MIB;
	pid_t pid = race_child(run);
	int status;

	RACE_CHECK(run, pid >= 0);
	if (!pid) {
		char *p = sm_map(len);

		if (p && !attach(run, 0, getpid()))
			sm_fill(p, len, nr);
		_exit(1);
	}
	status = race_child_end(run, pid);
	RACE_CHECK(run, WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return 1;
}

static const struct race race_oom = {
	.name = "oom", .lacks = lacks_memcg, .outside = true,
	.begin = begin_oom, .round = round_oom, .end = end_groups,
	.rounds = 4,
};

/* The kernel's own movers of pages */

#define BALANCING	"/proc/sys/kernel/numa_balancing"
#define SCAN		"/sys/kernel/debug/sched/numa_balancing/"

static const char *lacks_balancing(void)
{
	const char *why = sm_lacks_path(BALANCING);

	return why ? why : sm_lacks_path(SCAN "scan_period_min_ms");
}

static int begin_balancing(struct race_run *run)
{
	static long long faults;

	RACE_CHECK(run, !sm_set(SCAN "scan_delay_ms", "1"));
	RACE_CHECK(run, !sm_set(SCAN "scan_period_min_ms", "10"));
	RACE_CHECK(run, !sm_set(SCAN "scan_period_max_ms", "10"));
	RACE_CHECK(run, !sm_set(BALANCING, "1"));
	faults = sm_vmstat("numa_hint_faults");
	run->data = &faults;
	return 0;
}

/* The target goes from CPU to CPU, so that its memory should follow. */
static int round_balancing(struct race_run *run, long nr)
{
	long cpus = sysconf(_SC_NPROCESSORS_CONF);
	long long *faults = run->data, before = *faults;
	cpu_set_t set;
	int tries;

	CPU_ZERO(&set);
	CPU_SET(nr / 8 % cpus, &set);
	if (sched_setaffinity(run->target, sizeof(set), &set))
		RACE_CHECK(run, errno == EINVAL);
	/* The first scan is due when the target has run for a second. */
	for (tries = 0; tries < 20 && *faults == before; tries++) {
		usleep(5000);
		*faults = sm_vmstat("numa_hint_faults");
	}
	return *faults > before;
}

static const struct race race_numa_balancing = {
	.name = "numa_balancing", .lacks = lacks_balancing, .outside = true,
	.begin = begin_balancing, .round = round_balancing, .rounds = 8,
};

#define COMPACT		"/proc/sys/vm/compact_memory"

static const char *lacks_compaction(void)
{
	return sm_lacks_path(COMPACT);
}

static int round_compaction(struct race_run *run, long nr)
{
	RACE_CHECK(run, !sm_write(COMPACT, "1"));
	return 1;
}

static const struct race race_compaction = {
	.name = "compaction", .lacks = lacks_compaction, .outside = true,
	.round = round_compaction, .rounds = 4,
};

/* Blocks of memory that go away, with what is in them moved, and come back */

#define BLOCK		"/sys/devices/system/memory/memory%d/"
#define MAX_BLOCKS	64
#define PRINTK		"/proc/sys/kernel/printk"
#define OFFLINE_LIMIT	10	/* seconds */

struct memory {
	int log;
	char loud[16];		/* how the console was before */
};

static int blocks[MAX_BLOCKS], nr_blocks;
static bool page_lost;	/* nobody can move it, and no file system holds it */

static int block(int nr, const char *state)
{
	char path[64];

	snprintf(path, sizeof(path), BLOCK "state", nr);
	return sm_write(path, state);
}

static bool is_offline(int nr)
{
	char path[64];

	snprintf(path, sizeof(path), BLOCK "online", nr);
	return !sm_read_long(path);
}

/*
 * The kernel has a lot to say about each page that it cannot take from a block,
 * even if it can a moment later. Only real trouble is for the console meanwhile.
 */
static int speak_softly(struct memory *m)
{
	m->log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (m->log < 0 || lseek(m->log, 0, SEEK_END) < 0)
		return -1;
	snprintf(m->loud, sizeof(m->loud), "%ld", sm_read_long(PRINTK));
	return sm_set(PRINTK, "4");
}

static void speak_up(struct memory *m)
{
	sm_write(PRINTK, m->loud);
	close(m->log);
}

/* The next record of the kernel's log, if there is one. */
static bool next_record(int log, char *text, size_t size)
{
	ssize_t n;

	do {
		n = read(log, text, size - 1);
	} while (n < 0 && errno == EPIPE);
	text[n > 0 ? n : 0] = 0;
	return n > 0;
}

/* A warning that the console has not shown. */
static bool warned(int log)
{
	char text[8192];

	while (next_record(log, text, sizeof(text)))
		if (strstr(text, "WARNING: ") || strstr(text, "BUG: "))
			return true;
	return false;
}

/*
 * A page could not be moved in the end, and is not one of a block device: that would
 * hold metadata of a file system, which keeps it where it is for as long as it likes.
 * Where no page is named, there was not enough time.
 */
static bool names_lost_page(int log)
{
	char text[8192];
	bool lost = false;

	while (next_record(log, text, sizeof(text))) {
		if (strstr(text, ";page:"))
			lost = true;
		if (strstr(text, ";aops:def_blk_aops"))
			lost = false;
	}
	return lost;
}

/* For the kernel no page is a reason to give up, be it held for ever. */
static int offline(int nr)
{
	pid_t pid = sm_fork();
	int status;

	if (!pid) {
		alarm(OFFLINE_LIMIT * sm_slow());
		_exit(block(nr, "offline") ? errno : 0);
	}
	status = sm_reap(pid);
	if (WIFEXITED(status))
		errno = WEXITSTATUS(status);
	else
		errno = WTERMSIG(status) == SIGALRM ? EINTR : EIO;
	/* The signal may have come a moment too late. */
	return errno && !(errno == EINTR && is_offline(nr)) ? -1 : 0;
}

/*
 * Those in which the kernel has nothing of its own; nor will it, once they have come
 * back as movable memory.
 */
static const char *lacks_hotremove(void)
{
	struct memory m;
	int i;

	if (speak_softly(&m))
		return "cannot tell the console what to show";
	for (i = 0; i < MAX_BLOCKS; i++) {
		if (!offline(i) && !block(i, "online_movable"))
			blocks[nr_blocks++] = i;
		else if (errno == EINTR && names_lost_page(m.log))
			page_lost = true;
	}
	speak_up(&m);
	return nr_blocks || page_lost ? NULL :
	       "no block of memory can be taken offline";
}

static int begin_hotremove(struct race_run *run)
{
	static struct memory m;

	RACE_CHECK(run, !page_lost);
	RACE_CHECK(run, !speak_softly(&m));
	run->data = &m;
	return 0;
}

static int round_hotremove(struct race_run *run, long nr)
{
	int i = blocks[race_random(run, nr_blocks)];
	struct memory *m = run->data;
	bool gone = !offline(i);

	RACE_CHECK(run, gone || errno == EBUSY || errno == EINTR);
	RACE_CHECK(run, !gone || !block(i, "online_movable"));
	RACE_CHECK(run, !warned(m->log));
	return gone;
}

/* Nothing stays away, or movable, for good. */
static void end_hotremove(struct race_run *run)
{
	struct memory *m = run->data;
	int i;

	for (i = 0; i < nr_blocks; i++) {
		offline(blocks[i]);
		block(blocks[i], "online_kernel");
	}
	if (m)
		speak_up(m);
}

/*
 * Compaction of a zone goes on to the end that the zone had when it began, even if
 * that is offline meanwhile. That is a bug of the kernel, but none of migration.
 */
static const struct race race_hotremove = {
	.name = "hotremove", .lacks = lacks_hotremove, .outside = true,
	.not_with = "compaction", .begin = begin_hotremove, .round = round_hotremove,
	.end = end_hotremove, .rounds = 2,
};

/* A file system that is unmounted while its pages are on their way */

#define FS_SIZE		(8 * MIB)
#define FILE_SIZE	MIB

struct fs {
	int image;
	char dir[32];
};

static const char *lacks_umount(void)
{
	const char *why = sm_lacks_ext4();

	if (!why)
		why = sm_lacks_program("mke2fs");
	return why ? why : sm_lacks_path("/dev/loop-control");
}

static int begin_umount(struct race_run *run)
{
	static struct fs fs;
	char path[32];

	strcpy(fs.dir, "/tmp/swapmig.XXXXXX");
	RACE_CHECK(run, mkdtemp(fs.dir));
	run->data = &fs;
	fs.image = sm_ext4_file();
	RACE_CHECK(run, fs.image >= 0 && !ftruncate(fs.image, FS_SIZE));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fs.image);
	RACE_CHECK(run, !sm_run(NULL, 0, "mke2fs", "-F", path, NULL));
	return 0;
}

/* The loop device goes when the file system does. */
static int mount_image(struct fs *fs)
{
	struct loop_config config = {
		.fd = fs->image, .info.lo_flags = LO_FLAGS_AUTOCLEAR,
	};
	int control, loop, tries, ret = -1;
	char path[32];

	control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	/* Somebody else may take the free one first. */
	for (tries = 0; ret && tries < 20; tries++) {
		snprintf(path, sizeof(path), "/dev/loop%d",
			 ioctl(control, LOOP_CTL_GET_FREE));
		loop = open(path, O_RDWR | O_CLOEXEC);
		ret = ioctl(loop, LOOP_CONFIGURE, &config);
		if (!ret)
			ret = mount(path, fs->dir, "ext4", 0, NULL);
		close(loop);
	}
	close(control);
	return ret;
}

static char *map_file(struct fs *fs)
{
	char path[64], *p;
	int fd;

	snprintf(path, sizeof(path), "%s/file", fs->dir);
	fd = open(path, O_CREAT | O_RDWR, 0600);
	if (fd < 0 || ftruncate(fd, FILE_SIZE))
		return NULL;
	p = sm_map_fd(fd, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED);
	close(fd);
	return p;
}

/* A call may still be looking at the dead, but not for long. */
static int unmount_image(struct fs *fs)
{
	int tries;

	for (tries = 0; umount(fs->dir); tries++) {
		if (errno != EBUSY || tries == 6000)
			return -1;
		usleep(10000);
	}
	return 0;
}

static int round_umount(struct race_run *run, long nr)
{
	struct fs *fs = run->data;
	char *p;
	pid_t pid;
	long bad;

	RACE_CHECK(run, !mount_image(fs));
	pid = race_child(run);
	RACE_CHECK(run, pid >= 0);
	if (!pid) {
		p = map_file(fs);
		if (!p)
			_exit(1);
		sm_fill(p, FILE_SIZE, nr);
		usleep(race_random(run, 20000));
		_exit(sm_bad(p, FILE_SIZE, nr) ? 2 : 0);
	}
	RACE_CHECK(run, !race_child_end(run, pid));
	RACE_CHECK(run, !unmount_image(fs));

	RACE_CHECK(run, !mount_image(fs));
	p = map_file(fs);
	RACE_CHECK(run, p);
	bad = sm_bad(p, FILE_SIZE, nr);
	munmap(p, FILE_SIZE);
	RACE_CHECK(run, !unmount_image(fs));
	RACE_CHECK(run, !bad);
	return 1;
}

static void end_umount(struct race_run *run)
{
	struct fs *fs = run->data;

	if (!fs)
		return;
	umount(fs->dir);
	rmdir(fs->dir);
	close(fs->image);
}

static const struct race race_umount = {
	.name = "umount", .lacks = lacks_umount, .outside = true,
	.begin = begin_umount, .round = round_umount, .end = end_umount,
	.rounds = 4,
};

const struct race * const races_of_machine[] = {
	&race_migrators, &race_path, &race_process_madvise, &race_swapoff,
	&race_memcg_limits, &race_memcg_moves, &race_memcg_charges,
	&race_cpuset, &race_oom, &race_numa_balancing, &race_compaction,
	&race_hotremove, &race_umount, NULL,
};
