// SPDX-License-Identifier: GPL-2.0-only
/*
 * The programs that people use: migratepages, numactl and numastat.
 */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "util.h"

#define MEGS	32
#define LEN	(MEGS * MIB)

FIXTURE(clients)
{
	FILE *out;		/* what the holder says */
	FILE *in;
	pid_t pid;
	char node[2][8];
	char *addr;		/* in the holder */
};

/* "numactl --membind=<first node> holder <megabytes>", up to its first line. */
static int start_holder(struct _test_data_clients *self)
{
	char bind[32], megs[16], self_path[PATH_MAX], path[PATH_MAX + 16];
	int in[2], out[2];
	ssize_t n;

	n = readlink("/proc/self/exe", self_path, sizeof(self_path) - 1);
	if (n < 0 || pipe(in) || pipe(out))
		return -1;
	self_path[n] = 0;
	snprintf(path, sizeof(path), "%s/holder", dirname(self_path));
	snprintf(bind, sizeof(bind), "--membind=%s", self->node[0]);
	snprintf(megs, sizeof(megs), "%d", MEGS);
	self->pid = sm_fork();
	if (!self->pid) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		for (int i = 0; i < 2; i++) {
			close(in[i]);
			close(out[i]);
		}
		execlp("numactl", "numactl", bind, path, megs, NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	self->in = fdopen(in[1], "w");
	self->out = fdopen(out[0], "r");
	return self->pid < 0 || !self->in || !self->out ? -1 : 0;
}

/* The number of wrong pages in the holder. */
static long holder_bad(struct _test_data_clients *self)
{
	char line[64], *p;

	if (!fgets(line, sizeof(line), self->out))
		return -1;
	self->addr = (char *)strtoul(line, &p, 16);
	return strtol(p, NULL, 10);
}

static long ask_holder(struct _test_data_clients *self)
{
	if (fputs("\n", self->in) < 0 || fflush(self->in))
		return -1;
	return holder_bad(self);
}

FIXTURE_SETUP(clients)
{
	int tries;

	SM_BEGIN(2);
	SM_NEED(sm_lacks_program("numactl"));
	SM_NEED(sm_lacks_program("migratepages"));
	SM_SWAP_ON(SM_ZRAM, 128 * MIB);
	for (int i = 0; i < 2; i++)
		snprintf(self->node[i], sizeof(self->node[i]), "%d",
			 sm_node(i));
	ASSERT_EQ(0, start_holder(self));
	ASSERT_EQ(0, holder_bad(self));
	/* It still needs new pages until it waits for an answer. */
	for (tries = 0; tries < 1000 && sm_state(self->pid) != 'S'; tries++)
		usleep(10000);
	ASSERT_GT(1000, tries);
	ASSERT_EQ(sm_pages(LEN), sm_on_node(self->pid, self->addr, LEN,
					    sm_node(0)));
}

FIXTURE_TEARDOWN(clients)
{
	sm_kill(self->pid);
	if (self->in)
		fclose(self->in);
	if (self->out)
		fclose(self->out);
	sm_cleanup();
}

static int migratepages(struct _test_data_clients *self, const char *from,
			const char *to)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", self->pid);
	return sm_run(NULL, 0, "migratepages", pid, from, to, NULL);
}

SM_TEST_F(clients, migratepages)
{
	ASSERT_EQ(0, migratepages(self, self->node[0], self->node[1]));
	EXPECT_EQ(0, sm_present(self->pid, self->addr, LEN));
	EXPECT_EQ(0, sm_mapped_on_node(self->pid, sm_node(0)));
	EXPECT_EQ(sm_pages(LEN), sm_swapped(self->pid, self->addr, LEN));
	EXPECT_EQ(0, ask_holder(self));
	EXPECT_EQ(sm_pages(LEN), sm_present(self->pid, self->addr, LEN));
}

SM_TEST_F(clients, migratepages_all_nodes)
{
	ASSERT_EQ(0, migratepages(self, "all", self->node[1]));
	EXPECT_EQ(0, sm_mapped_on_node(self->pid, sm_node(0)));
	EXPECT_EQ(0, ask_holder(self));
}

SM_TEST_F(clients, migratepages_says_what_is_wrong)
{
	/* To where it is there is nothing to do. */
	EXPECT_EQ(0, migratepages(self, self->node[0], self->node[0]));
	EXPECT_EQ(sm_pages(LEN), sm_on_node(self->pid, self->addr, LEN,
					    sm_node(0)));
	/* A process that is gone. */
	sm_kill(self->pid);
	EXPECT_NE(0, migratepages(self, self->node[0], self->node[1]));
	self->pid = 0;
}

/* "Private <node> ... <total>", in MB: the column of the first node. */
static double private_megs(struct _test_data_clients *self, int column)
{
	char out[8192], pid[16], *p;

	snprintf(pid, sizeof(pid), "%d", self->pid);
	if (sm_run(out, sizeof(out), "numastat", "-p", pid, NULL))
		return -1;
	p = strstr(out, "\nPrivate");
	if (!p)
		return -1;
	p += strlen("\nPrivate");
	while (column--)
		strtod(p, &p);
	return strtod(p, NULL);
}

SM_TEST_F(clients, numastat)
{
	SM_NEED(sm_lacks_program("numastat"));
	EXPECT_LE((double)MEGS, private_megs(self, 0));
	ASSERT_EQ(0, migratepages(self, self->node[0], self->node[1]));
	EXPECT_GE(1.0, private_megs(self, 0));
	EXPECT_LE(0.0, private_megs(self, 0));
	EXPECT_EQ(0, ask_holder(self));
}

TEST_HARNESS_MAIN
