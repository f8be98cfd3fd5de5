/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of swap migration share: placing memory on a node, saying
 * where it is, swap devices, and other processes to migrate.
 *
 * Functions return -1 with errno set when they fail, unless said otherwise.
 */
#ifndef SWAPMIG_UTIL_H
#define SWAPMIG_UTIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MIB			(1024UL * 1024)
#define SM_HUGE			(2 * MIB)
/* of a node's pool of such pages: a file */
#define SM_HUGETLB							\
	"/sys/devices/system/node/node%d/hugepages/hugepages-2048kB/%s"
#define SM_NOBODY		65534

/*
 * Seconds after which a test is ended. One of migration over a slow disk in an
 * emulated machine is slow, and as many times slower as SWAPMIG_SLOW says if the
 * kernel checks all it does.
 */
#define SM_TIMEOUT		120

#define SM_TEST_F(fixture, name)					\
	static struct __test_metadata _##fixture##_##name##_object;	\
	static void __attribute__((constructor))			\
	_##fixture##_##name##_slow(void)				\
	{								\
		_##fixture##_##name##_object.timeout *= sm_slow();	\
	}								\
	TEST_F_TIMEOUT(fixture, name, SM_TIMEOUT)

int sm_slow(void);

/*
 * Give up a test for the reason @why, unless that is NULL. A plain return
 * from FIXTURE_SETUP() would still run the test.
 */
#define SM_NEED(why) do {						\
	const char *__lack = (why);					\
	if (__lack)							\
		SKIP(longjmp(_metadata->env, 1), "%s", __lack);		\
} while (0)

/* The parameters of a function that makes assertions for a test. */
#define SM_ARGS(fixture)						\
	struct __test_metadata *_metadata, struct _test_data_##fixture *self

extern size_t sm_page;			/* base page size */

static inline long sm_pages(size_t len)
{
	return len / sm_page;
}

/* What the machine has: NULL, or a text that says what it lacks. */
const char *sm_lacks_root(void);
const char *sm_lacks_nodes(int nr);	/* @nr nodes with memory */
const char *sm_lacks_swapmig(void);	/* the counters, so the feature */
const char *sm_lacks_basics(int nr);	/* all of the above */
const char *sm_lacks_path(const char *path);

/* The @i-th node that has memory. */
int sm_node(int i);
unsigned long sm_all_nodes(void);

static inline unsigned long sm_bit(int node)
{
	return 1UL << node;
}

/* Raw system calls; node masks of one word. */
long sm_migrate_raw(pid_t pid, unsigned long maxnode, const void *from,
		    const void *to);
long sm_migrate(pid_t pid, unsigned long from, unsigned long to);
int sm_set_policy(int mode, unsigned long nodes);
int sm_bind(int node);			/* all new memory comes from @node */
int sm_unbind(void);
int sm_mbind(void *addr, size_t len, int mode, unsigned long nodes);
int sm_policy(void *addr, int *mode, unsigned long *nodes);

/*
 * Can this kernel move a huge page at all, and in one piece?  move_pages(2), which
 * is asked, does so with the one at @addr, from @node to the node @there and back.
 */
bool sm_moves_huge(void *addr, int node, int there);

/* Where pages are, in base pages. */
long sm_on_node(pid_t pid, const void *addr, size_t len, int node);
long sm_present(pid_t pid, const void *addr, size_t len);
long sm_in_memory(void *addr, size_t len);	/* page or swap cache too */
long sm_swapped(pid_t pid, const void *addr, size_t len);
long sm_mapped_on_node(pid_t pid, int node);	/* the whole process */
long sm_smaps(const void *addr, const char *key);	/* kB of one mapping */
long long sm_vmstat(const char *name);
long sm_meminfo(int node, const char *key);	/* kB */

/* Memory with a content that can be verified; NULL when there is none. */
void *sm_map_fd(int fd, size_t len, int prot, int flags);
void *sm_map(size_t len);		/* anonymous, of base pages */
void *sm_map_huge(size_t len);		/* aligned, and advised to be huge */
void sm_touch(const void *addr, size_t len);	/* read each page */
void sm_fill_page(void *addr, uint64_t seed, size_t index);
void sm_fill(void *addr, size_t len, uint64_t seed);
long sm_bad(const void *addr, size_t len, uint64_t seed);	/* wrong pages */
bool sm_page_is(const void *addr, uint64_t seed, size_t index);
int sm_fill_file(int fd, size_t len, uint64_t seed);

/* A tmpfs of its own; it is gone when the last descriptor is. */
int sm_tmpfs(void);
int sm_mount_fd(const char *fs, const char *flag);

/* A file on the ext4 of SWAPMIG_EXT4, already without a name. */
const char *sm_lacks_ext4(void);
int sm_ext4_file(void);
int sm_reopen(int fd, int flags);

/* "swap" or "direct"; the one of the machine is restored. */
int sm_choose_path(const char *path);

/* Swap. */
enum sm_dev { SM_ZRAM, SM_DISK };

const char *sm_lacks_swap(enum sm_dev dev);
const char *sm_lacks_no_swap(void);	/* swap of the machine is on */
int sm_swap_on(enum sm_dev dev, size_t bytes);
int sm_swap_off(void);
int sm_swap_off_and_on(void);

/*
 * CPUs keep free pages for themselves, many megabytes of them where huge pages
 * raise the watermarks. Let them keep few, so that free memory can be compared.
 */
int sm_few_pages_on_cpus(void);
int sm_run_on_cpu(int cpu);		/* and nowhere else */

/* Write a setting; sm_cleanup() restores the last NR_SETTINGS ones. */
int sm_set(const char *path, const char *value);
int sm_write(const char *path, const char *value);
int sm_write_at(int dir, const char *path, const char *value);
long sm_read_long(const char *path);

/*
 * Kernel samepage merging merges what is marked, until @pages more pages than frames
 * share one; from then on nothing merges or breaks.
 */
const char *sm_lacks_ksm(void);
int sm_merge(long pages);

/* What the machine holds that tests may not leave more of; see leaks.c. */
#define SM_MAX_NODES	64

struct sm_held {
	long unknown[SM_MAX_NODES];	/* pages without a known use, by node */
	long all;			/* of them */
	long isolated;			/* pages */
	long groups;			/* dying ones, too */
	long tree;			/* nodes of radix trees */
};

void sm_take_stock(struct sm_held *held);
/* Says on stderr what there is more of, which is what @held has from then on. */
bool sm_leaked(struct sm_held *held);

/*
 * Undo what this test, or one that died before it, did to the machine. The first
 * time that a test does so, it sees to what the test before it has left behind.
 */
void sm_cleanup(void);

/*
 * Pages only go where a test sends them: khugepaged takes some to the node where most
 * of their neighbours are, kcompactd from a full node's one end to the other, and
 * read-ahead brings back what nobody has touched.
 */
int sm_keep_still(void);

/* How the set-up of tests that count pages begins; they need @nr nodes. */
#define SM_BEGIN(nr) do {						\
	sm_cleanup();							\
	SM_NEED(sm_lacks_basics(nr));					\
	ASSERT_EQ(0, sm_keep_still());					\
} while (0)

/* A child that cannot outlive the test. */
pid_t sm_fork(void);
int sm_reap(pid_t pid);			/* wait status */
char sm_state(pid_t pid);		/* 'R', 'S', 'D', ...; 'X' if it is gone */
void sm_kill(pid_t pid);

/* Become an ordinary user, who may still be looked at by their equals. */
int sm_become(uid_t uid);

/*
 * A child that serves one request at a time by @serve() and rests in between,
 * touching nothing.
 */
struct sm_peer {
	pid_t pid;
	int ask;
	int answer;
};

int sm_peer_start(struct sm_peer *peer, long (*serve)(int what, void *arg),
		  void *arg);
long sm_peer_ask(struct sm_peer *peer, int what);
void sm_peer_end(struct sm_peer *peer);

/* The usual peer: a buffer of anonymous memory. */
enum { SM_PEER_FILL, SM_PEER_BAD, SM_PEER_TOUCH };

struct sm_buffer {
	char *addr;
	size_t len;
	uint64_t seed;
	int node;
};

long sm_serve_buffer(int what, void *arg);

/*
 * Run a program with arguments up to NULL, its output into @out unless that is
 * NULL; the wait status.
 */
const char *sm_lacks_program(const char *name);
int sm_run(char *out, size_t size, const char *program, ...);

/* The path that calls try first, until sm_cleanup(). */
#define SM_PATH		"/sys/kernel/mm/swapmig/path"

int sm_prefer(const char *path);

/*
 * Run on a CPU of @node from now on: local memory is there. Later children do
 * so, too.
 */
const char *sm_lacks_cpu(int node);
int sm_run_on(int node);

/* Have memory swapped out in the ordinary way. */
int sm_page_out(void *addr, size_t len);

/*
 * The root of a hierarchy that has @controller, of version 2 if that can be had,
 * or else 1: @version says which.
 */
int sm_cgroup(const char *controller, int *version);
int sm_cgroup_attach(int root, const char *group, pid_t pid);

/*
 * Leave no free memory on @node: the pool of huge pages has it until sm_cleanup(),
 * and a child the rest, locked, until it is killed. Returns the child's pid.
 */
pid_t sm_fill_node(int node);

#endif /* SWAPMIG_UTIL_H */
