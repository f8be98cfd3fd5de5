// SPDX-License-Identifier: GPL-2.0-only
/*
 * Races of migration with control groups. See race.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "race.h"

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

static const char *lacks_v2(const char *controller)
{
	int fd = sm_cgroup_of(2, controller);

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
	return make_groups(run, sm_cgroup_of(2, "memory"));
}

static int begin_memcg_limits(struct race_run *run)
{
	RACE_CHECK(run, !begin_memcg(run));
	RACE_CHECK(run, !attach(run, 0, run->process));
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
	RACE_CHECK(run, !attach(run, nr % 2, run->process));
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
 * Charges for the system's own files, which the process maps, have moved along, and would
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
	RACE_CHECK(run, !make_groups(run, sm_cgroup_of(2, "cpuset")));
	RACE_CHECK(run, !attach(run, 0, run->process));
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
	RACE_CHECK(run, !attach(run, race_random(run, 2), run->process));
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

const struct race * const races_of_groups[] = {
	&race_memcg_limits, &race_memcg_moves, &race_memcg_charges,
	&race_cpuset, &race_oom, NULL,
};
