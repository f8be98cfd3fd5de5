// SPDX-License-Identifier: GPL-2.0-only
/*
 * Races of migration with what the process does to its mappings, and with its
 * children. See race.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "race.h"

#define LEN	(64 * sm_page)

static bool zero(const char *page)
{
	return !page[0] && !memcmp(page, page + 1, sm_page - 1);
}

/* Fork and exec */

static int round_fork(struct race_run *run, long nr)
{
	struct race_region *r = &run->region[nr % 2];
	size_t half = LEN / 2;
	pid_t pid;
	int bad;

	sm_fill(run->scratch, LEN, nr);
	pid = race_child(run);
	RACE_CHECK(run, pid >= 0);
	if (!pid) {
		bad = !!sm_bad(run->scratch, LEN, nr);
		sm_fill(run->scratch, LEN, nr + 1);
		bad |= !!sm_bad(r->addr, r->len, r->seed) << 1;
		bad |= !!sm_bad(run->scratch, LEN, nr + 1) << 2;
		_exit(bad);
	}
	sm_fill(run->scratch + half, half, nr + 2);
	RACE_CHECK(run, !sm_bad(run->scratch, half, nr));
	RACE_CHECK(run, !race_child_end(run, pid));
	RACE_CHECK(run, !sm_bad(run->scratch + half, half, nr + 2));
	return 1;
}

static const struct race race_fork = {
	.name = "fork", .round = round_fork, .rounds = 10,
};

/*
 * A thread that writes to all pages all the time, while children come and go. Each page
 * counts what is written to it: none of this may get lost, and a child must see nothing
 * of what is written after its fork().
 */
struct counting {
	char *addr;
	int end;
	bool lost;
	pthread_t thread;
};

static long *counter_of(const struct counting *c, size_t page)
{
	return (long *)(c->addr + page * sm_page);
}

static void *count(void *arg)
{
	struct counting *c = arg;
	size_t i;
	long nr;

	for (nr = 0; !__atomic_load_n(&c->end, __ATOMIC_RELAXED); nr++) {
		for (i = 0; i < sm_pages(RACE_SCRATCH); i++) {
			if (__atomic_load_n(counter_of(c, i), __ATOMIC_RELAXED) != nr)
				c->lost = true;
			__atomic_store_n(counter_of(c, i), nr + 1, __ATOMIC_RELAXED);
		}
	}
	return NULL;
}

/* The child: fork() copies the pages in order, while the thread goes on writing. */
static int counted(struct race_run *run, const struct counting *c)
{
	size_t i, pages = sm_pages(RACE_SCRATCH);
	long seen[pages];

	for (i = 0; i < pages; i++)
		seen[i] = __atomic_load_n(counter_of(c, i), __ATOMIC_RELAXED);
	race_pause(run);
	for (i = 0; i < pages; i++)
		if (__atomic_load_n(counter_of(c, i), __ATOMIC_RELAXED) != seen[i])
			return 1;
	for (i = 0; i < pages; i++)
		__atomic_store_n(counter_of(c, i), -1, __ATOMIC_RELAXED);
	race_pause(run);
	for (i = 0; i < pages; i++)
		if (__atomic_load_n(counter_of(c, i), __ATOMIC_RELAXED) != -1)
			return 2;
	return 0;
}

static int round_touch_and_fork(struct race_run *run, long nr)
{
	struct counting c = { .addr = run->scratch };
	size_t i;
	pid_t pid;

	sm_fill(run->scratch, RACE_SCRATCH, nr);
	for (i = 0; i < sm_pages(RACE_SCRATCH); i++)
		*counter_of(&c, i) = 0;
	RACE_CHECK(run, !pthread_create(&c.thread, NULL, count, &c));
	for (i = 0; i < 4; i++) {
		pid = race_child(run);
		RACE_CHECK(run, pid >= 0);
		if (!pid)
			_exit(counted(run, &c));
		RACE_CHECK(run, !race_child_end(run, pid));
	}
	__atomic_store_n(&c.end, 1, __ATOMIC_RELAXED);
	RACE_CHECK(run, !pthread_join(c.thread, NULL));
	RACE_CHECK(run, !c.lost);
	return 1;
}

static const struct race race_touch_and_fork = {
	.name = "touch_and_fork", .round = round_touch_and_fork, .rounds = 10,
};

/* What exec() makes of a child: it ends before main() begins. */
#define EXEC_ENV	"SWAPMIG_RACE_EXEC"

static void __attribute__((constructor)) be_executed(void)
{
	size_t len;
	char *p;

	if (!getenv(EXEC_ENV))
		return;
	sm_page = sysconf(_SC_PAGESIZE);
	len = LEN;
	p = sm_map(len);
	if (!p)
		_exit(1);
	sm_fill(p, len, getpid());
	_exit(sm_bad(p, len, getpid()) ? 2 : 0);
}

static int round_exec(struct race_run *run, long nr)
{
	pid_t pid = race_child(run);

	RACE_CHECK(run, pid >= 0);
	if (!pid) {
		sm_fill(run->scratch, LEN, nr);
		if (sm_bad(run->scratch, LEN, nr))
			_exit(3);
		setenv(EXEC_ENV, "1", 1);
		execl("/proc/self/exe", "race", NULL);
		_exit(4);
	}
	RACE_CHECK(run, !race_child_end(run, pid));
	return 1;
}

static const struct race race_exec = {
	.name = "exec", .round = round_exec, .rounds = 5,
};

/* Mappings */

static int round_unmap(struct race_run *run, long nr)
{
	size_t len = nr % 4 ? LEN : SM_HUGE, part = LEN / 4;
	char *p = nr % 4 ? sm_map(len) : sm_map_huge(len);

	RACE_CHECK(run, p);
	sm_fill(p, len, nr);
	RACE_CHECK(run, !munmap(p + part, part));
	RACE_CHECK(run, !sm_bad(p, part, nr));
	race_pause(run);
	RACE_CHECK(run, !sm_bad(p, part, nr));
	RACE_CHECK(run, sm_page_is(p + len - sm_page, nr, sm_pages(len) - 1));
	RACE_CHECK(run, !munmap(p, len));
	return 1;
}

static const struct race race_unmap = {
	.name = "unmap", .round = round_unmap, .rounds = 20,
};

/* Away; away again, with the mapping left behind but empty; and longer. */
static int round_remap(struct race_run *run, long nr)
{
	char *p = sm_map(LEN), *q;
	char *room = sm_map_fd(-1, 3 * LEN, PROT_NONE,
			       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE);

	RACE_CHECK(run, p && room);
	sm_fill(p, LEN, nr);
	q = mremap(p, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED, room);
	RACE_CHECK(run, q == room);
	RACE_CHECK(run, !sm_bad(q, LEN, nr));
	q = mremap(q, LEN, LEN, MREMAP_MAYMOVE | MREMAP_FIXED |
		   MREMAP_DONTUNMAP, room + 2 * LEN);
	RACE_CHECK(run, q == room + 2 * LEN);
	RACE_CHECK(run, zero(room));
	RACE_CHECK(run, !sm_bad(q, LEN, nr));
	q = mremap(q, LEN, 2 * LEN, MREMAP_MAYMOVE);
	RACE_CHECK(run, q != MAP_FAILED);
	RACE_CHECK(run, !sm_bad(q, LEN, nr) && zero(q + LEN));
	RACE_CHECK(run, !munmap(q, 2 * LEN) && !munmap(room, 2 * LEN));
	return 1;
}

static const struct race race_remap = {
	.name = "remap", .round = round_remap, .rounds = 20,
};

static int round_protect(struct race_run *run, long nr)
{
	struct race_region *r = &run->region[nr % RACE_REGIONS];
	size_t half = r->len / 2;

	RACE_CHECK(run, !mprotect(r->addr, half, PROT_NONE));
	RACE_CHECK(run, !mprotect(r->addr + half, half, PROT_READ));
	RACE_CHECK(run, sm_page_is(r->addr + half, r->seed, sm_pages(half)));
	RACE_CHECK(run, !mprotect(r->addr, r->len, PROT_READ | PROT_WRITE));
	return 1;
}

static const struct race race_protect = {
	.name = "protect", .round = round_protect, .rounds = 20,
};

/* Locks */

static int round_mlock(struct race_run *run, long nr)
{
	struct race_region *r = &run->region[nr % RACE_REGIONS];
	size_t half = r->len / 2;

	RACE_CHECK(run, !mlock(r->addr, half));
	RACE_CHECK(run, sm_page_is(r->addr, r->seed, 0));
	RACE_CHECK(run, !munlock(r->addr, half / 2));
	RACE_CHECK(run, !mlock2(r->addr + half, half, MLOCK_ONFAULT));
	RACE_CHECK(run, sm_page_is(r->addr + half, r->seed, sm_pages(half)));
	RACE_CHECK(run, !munlock(r->addr, r->len));
	return 1;
}

static const struct race race_mlock = {
	.name = "mlock", .any_path = true, .round = round_mlock, .rounds = 12,
};

static int round_shm_lock(struct race_run *run, long nr)
{
	int id = shmget(IPC_PRIVATE, LEN, IPC_CREAT | 0600);
	char *p;

	RACE_CHECK(run, id >= 0);
	p = shmat(id, NULL, 0);
	RACE_CHECK(run, !shmctl(id, IPC_RMID, NULL) && p != (void *)-1);
	madvise(p, LEN, nr % 2 ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
	sm_fill(p, LEN, nr);
	RACE_CHECK(run, !shmctl(id, SHM_LOCK, NULL));
	RACE_CHECK(run, !sm_bad(p, LEN, nr));
	race_pause(run);
	RACE_CHECK(run, !shmctl(id, SHM_UNLOCK, NULL));
	race_pause(run);
	RACE_CHECK(run, !sm_bad(p, LEN, nr));
	RACE_CHECK(run, !shmdt(p));
	return 1;
}

static const struct race race_shm_lock = {
	.name = "shm_lock", .round = round_shm_lock, .rounds = 20,
};

/* Files that get holes and become shorter */

static int shorten(struct race_run *run, int fd, size_t len, long nr)
{
	size_t i, pages = sm_pages(len);
	char *p;

	RACE_CHECK(run, fd >= 0 && !ftruncate(fd, len));
	p = sm_map_fd(fd, len, PROT_READ | PROT_WRITE, MAP_SHARED);
	RACE_CHECK(run, p);
	sm_fill(p, len, nr);
	race_pause(run);
	RACE_CHECK(run, !fallocate(fd, FALLOC_FL_PUNCH_HOLE |
				   FALLOC_FL_KEEP_SIZE, len / 8, len / 8));
	for (i = pages / 8; i < pages / 4; i++)
		RACE_CHECK(run, zero(p + i * sm_page));
	RACE_CHECK(run, !ftruncate(fd, len / 2) && !ftruncate(fd, len));
	for (i = pages / 2; i < pages; i++)
		RACE_CHECK(run, zero(p + i * sm_page));
	RACE_CHECK(run, !sm_bad(p, len / 8, nr));
	for (i = pages / 4; i < pages / 2; i++)
		RACE_CHECK(run, sm_page_is(p + i * sm_page, nr, i));
	RACE_CHECK(run, !munmap(p, len));
	return 1;
}

static int round_truncate(struct race_run *run, long nr)
{
	size_t len = LEN;
	int fd, ret;

	if (nr % 2 && !sm_lacks_ext4()) {
		fd = sm_ext4_file();
	} else if (nr % 4 && !sm_lacks_path(SM_HUGE_SHMEM)) {
		fd = sm_tmpfs_file("always");
		len = SM_HUGE;
	} else {
		fd = sm_tmpfs_file("never");
	}
	ret = shorten(run, fd, len, nr);
	close(fd);
	return ret;
}

static const struct race race_truncate = {
	.name = "truncate", .round = round_truncate, .rounds = 20,
};

/* Others who move pages: the process itself, one by one and as a policy says */

static int round_move_pages(struct race_run *run, long nr)
{
	struct race_region *r = &run->region[nr % RACE_REGIONS];
	/* More, and a 64-bit kernel loses its way for a 32-bit program. */
	int status[16], node[16], nr_nodes = 0, i;
	unsigned long bind;
	void *page[16];

	while (sm_node(nr_nodes) >= 0)
		nr_nodes++;
	for (i = 0; i < 16; i++) {
		page[i] = r->addr + i * sm_page;
		node[i] = sm_node(race_random(run, nr_nodes));
	}
	RACE_CHECK(run, syscall(SYS_move_pages, 0, 16UL, page, node, status,
				MPOL_MF_MOVE) >= 0);
	bind = sm_bit(node[0]);
	/* A huge page that somebody is moving at this moment is an error. */
	RACE_CHECK(run, !syscall(SYS_mbind, r->addr, r->len, MPOL_BIND, &bind,
				 8 * sizeof(bind), MPOL_MF_MOVE) ||
		   errno == EIO);
	RACE_CHECK(run, !sm_mbind(r->addr, r->len, MPOL_DEFAULT, 0));
	return 1;
}

static const struct race race_move_pages = {
	.name = "move_pages", .round = round_move_pages, .rounds = 12,
};

/* A process and its child, whose pages are in the same swap slots, ask for other nodes */

static int bind_pages(struct race_run *run)
{
	int node = sm_node(race_random(run, 2)), ret = 0, i;

	for (i = 0; i < 4; i++) {
		ret |= sm_mbind(run->scratch, LEN, MPOL_PREFERRED, sm_bit(node));
		ret |= sm_mbind(run->scratch, LEN, MPOL_DEFAULT, 0);
	}
	return ret;
}

static int round_bind(struct race_run *run, long nr)
{
	pid_t pid;
	int bad;

	sm_fill(run->scratch, LEN, nr);
	RACE_CHECK(run, !sm_page_out(run->scratch, LEN));
	/* The pages in swap are sent to a node. */
	race_pause(run);
	pid = race_child(run);
	RACE_CHECK(run, pid >= 0);
	bad = !!bind_pages(run);
	bad |= !!sm_bad(run->scratch, LEN, nr) << 1;
	if (!pid)
		_exit(bad);
	RACE_CHECK(run, !bad);
	RACE_CHECK(run, !race_child_end(run, pid));
	return 1;
}

static const struct race race_bind = {
	.name = "bind", .round = round_bind, .rounds = 40,
};

const struct race * const races_of_mappings[] = {
	&race_fork, &race_touch_and_fork, &race_exec, &race_unmap, &race_remap, &race_protect,
	&race_mlock, &race_shm_lock, &race_truncate, &race_move_pages, &race_bind,
	NULL,
};
