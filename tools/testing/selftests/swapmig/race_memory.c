// SPDX-License-Identifier: GPL-2.0-only
/*
 * Races of migration with what the target does to its own memory. See race.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "race.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

#define LEN	(64 * sm_page)
#define KSM	"/sys/kernel/mm/ksm"
#define SPLIT	"/sys/kernel/debug/split_huge_pages"

static bool zero(const char *page)
{
	return !page[0] && !memcmp(page, page + 1, sm_page - 1);
}

static void pause_a_little(struct race_run *run)
{
	usleep(race_random(run, 2000));
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
	pause_a_little(run);
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

/* Advice */

static int round_dontneed(struct race_run *run, long nr)
{
	char *p = run->scratch;
	size_t i;

	sm_fill(p, LEN, nr);
	pause_a_little(run);
	for (i = 0; i < LEN; i += 2 * sm_page)
		RACE_CHECK(run, !madvise(p + i, sm_page, MADV_DONTNEED));
	for (i = 0; i < sm_pages(LEN); i += 2) {
		RACE_CHECK(run, zero(p + i * sm_page));
		RACE_CHECK(run, sm_page_is(p + (i + 1) * sm_page, nr, i + 1));
	}
	return 1;
}

static const struct race race_dontneed = {
	.name = "dontneed", .round = round_dontneed, .rounds = 20,
};

/* A page that is written to after all is not free any more. */
static int round_lazyfree(struct race_run *run, long nr)
{
	char *p = run->scratch;
	size_t i;

	sm_fill(p, LEN, nr);
	RACE_CHECK(run, !madvise(p, LEN, MADV_FREE));
	for (i = 0; i < sm_pages(LEN); i += 2)
		sm_fill_page(p + i * sm_page, nr + 1, i);
	pause_a_little(run);
	for (i = 0; i < sm_pages(LEN); i++) {
		char *page = p + i * sm_page;

		/* It may become zero between two looks, but not change back. */
		if (i % 2)
			RACE_CHECK(run, zero(page) || sm_page_is(page, nr, i) ||
				   zero(page));
		else
			RACE_CHECK(run, sm_page_is(page, nr + 1, i));
	}
	return 1;
}

static const struct race race_lazyfree = {
	.name = "lazyfree", .round = round_lazyfree, .rounds = 20,
};

static int round_pageout(struct race_run *run, long nr)
{
	struct race_region *r = &run->region[nr % RACE_REGIONS];

	RACE_CHECK(run, !madvise(r->addr, r->len,
				 nr % 3 ? MADV_PAGEOUT : MADV_COLD));
	return 1;
}

static const struct race race_pageout = {
	.name = "pageout", .round = round_pageout, .rounds = 20,
};

/* Huge pages */

static const char *lacks_huge(void)
{
	return sm_lacks_path("/sys/kernel/mm/transparent_hugepage");
}

static int begin_collapse(struct race_run *run)
{
	sm_fill(run->scratch, RACE_SCRATCH, 0);
	return madvise(run->scratch, RACE_SCRATCH, MADV_HUGEPAGE);
}

/*
 * What a migrator has in its hands cannot collapse, and it always has something: it
 * lets the round that it has disturbed pass, and one more.
 */
static int round_collapse(struct race_run *run, long nr)
{
	char *p = run->scratch;
	bool done = !madvise(p, RACE_SCRATCH, MADV_COLLAPSE);

	RACE_CHECK(run, done || errno == EAGAIN || errno == EBUSY ||
		   errno == ENOMEM || errno == EINVAL);
	RACE_CHECK(run, !sm_bad(p, RACE_SCRATCH, nr));
	sm_fill(p, RACE_SCRATCH, nr + 1);
	return done;
}

static const struct race race_collapse = {
	.name = "collapse", .lacks = lacks_huge, .begin = begin_collapse,
	.round = round_collapse, .rounds = 3, .pause = 2,
};

static const char *lacks_split(void)
{
	const char *why = lacks_huge();

	return why ? why : sm_lacks_path(SPLIT);
}

/* Of the mapping, and of the page. */
static int round_split(struct race_run *run, long nr)
{
	char *p = sm_map_huge(SM_HUGE), text[64];
	size_t i, half = SM_HUGE / 2;

	RACE_CHECK(run, p);
	sm_fill(p, SM_HUGE, nr);
	RACE_CHECK(run, !mprotect(p, half, PROT_READ));
	RACE_CHECK(run, !mprotect(p, half, PROT_READ | PROT_WRITE));
	snprintf(text, sizeof(text), "%d,0x%lx,0x%lx", getpid(),
		 (unsigned long)p, (unsigned long)p + SM_HUGE);
	RACE_CHECK(run, !sm_write(SPLIT, text));
	RACE_CHECK(run, !madvise(p + half, half, MADV_DONTNEED));
	RACE_CHECK(run, !sm_bad(p, half, nr));
	for (i = 0; i < half; i += 16 * sm_page)
		RACE_CHECK(run, zero(p + half + i));
	RACE_CHECK(run, !munmap(p, SM_HUGE));
	return 1;
}

static const struct race race_split = {
	.name = "split", .lacks = lacks_split, .round = round_split,
	.rounds = 5,
};

/* Kernel samepage merging */

static int begin_merge(struct race_run *run)
{
	RACE_CHECK(run, !sm_set(KSM "/pages_to_scan", "1000"));
	RACE_CHECK(run, !sm_set(KSM "/sleep_millisecs", "0"));
	RACE_CHECK(run, !sm_set(KSM "/run", "1"));
	return madvise(run->scratch, LEN, MADV_MERGEABLE);
}

/* All pages alike until some of them are written to. */
static int round_merge(struct race_run *run, long nr)
{
	char *p = run->scratch;
	size_t i;
	bool hit;

	for (i = 0; i < LEN; i += sm_page)
		sm_fill_page(p + i, nr / 8, 1);
	pause_a_little(run);
	hit = sm_read_long(KSM "/pages_sharing") > 0;
	for (i = 0; i < sm_pages(LEN); i += 4)
		sm_fill_page(p + i * sm_page, nr, i);
	for (i = 0; i < sm_pages(LEN); i++) {
		if (i % 4)
			RACE_CHECK(run, sm_page_is(p + i * sm_page, nr / 8, 1));
		else
			RACE_CHECK(run, sm_page_is(p + i * sm_page, nr, i));
	}
	if (nr % 8 == 7) {
		RACE_CHECK(run, !madvise(p, LEN, MADV_UNMERGEABLE));
		RACE_CHECK(run, !madvise(p, LEN, MADV_MERGEABLE));
	}
	return hit;
}

static const struct race race_merge = {
	.name = "merge", .lacks = sm_lacks_ksm, .begin = begin_merge,
	.round = round_merge, .rounds = 5,
};

/* Pins */

static int begin_direct_io(struct race_run *run)
{
	static int direct;
	int fd = sm_ext4_file();

	RACE_CHECK(run, fd >= 0);
	direct = sm_reopen(fd, O_RDWR | O_DIRECT);
	RACE_CHECK(run, direct >= 0);
	close(fd);
	run->data = &direct;
	return 0;
}

/* Out of the one buffer and into the other. */
static int round_direct_io(struct race_run *run, long nr)
{
	char *out = run->scratch, *in = out + LEN;
	int fd = *(int *)run->data;

	sm_fill(out, LEN, nr);
	RACE_CHECK(run, pwrite(fd, out, LEN, 0) == (ssize_t)LEN);
	RACE_CHECK(run, pread(fd, in, LEN, 0) == (ssize_t)LEN);
	RACE_CHECK(run, !sm_bad(out, LEN, nr));
	RACE_CHECK(run, !sm_bad(in, LEN, nr));
	return 1;
}

static const struct race race_direct_io = {
	.name = "direct_io", .lacks = sm_lacks_ext4, .begin = begin_direct_io,
	.round = round_direct_io, .rounds = 10,
};

/*
 * Threads that write to different words of the same pages, one as programs do and the
 * other through the page tables, which takes a fault wherever a page has been unmapped.
 * Who copies the page for it must not leave behind what the first still writes.
 */
#define STORES	16	/* pages; what is unmapped together with them gives time */

struct stores {
	char *addr;
	int end;
	bool lost;
	pthread_t thread;
};

static void *store(void *arg)
{
	struct stores *s = arg;
	long nr;
	int i;

	for (nr = 0; !__atomic_load_n(&s->end, __ATOMIC_RELAXED); nr++) {
		for (i = 0; i < STORES; i++) {
			long *word = (long *)(s->addr + i * sm_page);

			if (__atomic_load_n(word, __ATOMIC_RELAXED) != nr)
				s->lost = true;
			__atomic_store_n(word, nr + 1, __ATOMIC_RELAXED);
		}
	}
	return NULL;
}

static int round_stores(struct race_run *run, long nr)
{
	struct stores s = { .addr = run->scratch };
	struct iovec from = { .iov_base = &nr, .iov_len = sizeof(nr) };
	struct iovec to = { .iov_len = sizeof(nr) };
	int i;

	sm_fill(run->scratch, RACE_SCRATCH, nr);
	for (i = 0; i < STORES; i++)
		*(long *)(s.addr + i * sm_page) = 0;
	RACE_CHECK(run, !pthread_create(&s.thread, NULL, store, &s));
	for (i = 0; i < 100 * STORES; i++) {
		long *other = (long *)(s.addr + i % STORES * sm_page) + 1;

		to.iov_base = other;
		RACE_CHECK(run, process_vm_writev(getpid(), &from, 1, &to, 1, 0) ==
			   sizeof(nr));
		RACE_CHECK(run, __atomic_load_n(other, __ATOMIC_RELAXED) == nr);
	}
	__atomic_store_n(&s.end, 1, __ATOMIC_RELAXED);
	RACE_CHECK(run, !pthread_join(s.thread, NULL));
	RACE_CHECK(run, !s.lost);
	return 1;
}

static const struct race race_stores = {
	.name = "stores", .round = round_stores, .rounds = 20,
};

/* The pipe refers to the very pages. */
static int round_vmsplice(struct race_run *run, long nr)
{
	size_t len = 8 * sm_page, have = 0;
	struct iovec iov = { .iov_base = run->scratch, .iov_len = len };
	char *in = run->scratch + LEN;
	ssize_t n;
	int fd[2];

	sm_fill(run->scratch, len, nr);
	RACE_CHECK(run, !pipe(fd));
	RACE_CHECK(run, vmsplice(fd[1], &iov, 1, 0) == (ssize_t)len);
	pause_a_little(run);
	RACE_CHECK(run, !sm_bad(run->scratch, len, nr));
	close(fd[1]);
	while ((n = read(fd[0], in + have, len - have)) > 0)
		have += n;
	close(fd[0]);
	RACE_CHECK(run, have == len && !sm_bad(in, len, nr));
	return 1;
}

static const struct race race_vmsplice = {
	.name = "vmsplice", .round = round_vmsplice, .rounds = 20,
};

/* User faults */

struct uffd {
	int fd;
	long seed;		/* of what is filled in */
	long writes;		/* to protected pages */
	char *addr;
	void *page;
	pthread_t thread;
};

static int features(uint64_t *features)
{
	struct uffdio_api api = { .api = UFFD_API };
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC), ret;

	if (fd < 0)
		return -1;
	ret = ioctl(fd, UFFDIO_API, &api);
	close(fd);
	*features = api.features;
	return ret;
}

static const char *lacks_userfault(void)
{
	uint64_t f;

	return features(&f) ? "no userfaultfd" : NULL;
}

static const char *lacks_write_protect(void)
{
	uint64_t f;

	return features(&f) || !(f & UFFD_FEATURE_PAGEFAULT_FLAG_WP) ?
	       "userfaultfd cannot write-protect" : NULL;
}

static int serve_fault(struct uffd *u, struct uffd_msg *msg)
{
	unsigned long at = msg->arg.pagefault.address & -sm_page;
	struct uffdio_writeprotect unprotect = {
		.range = { .start = at, .len = sm_page },
	};
	struct uffdio_copy copy = {
		.dst = at, .src = (uintptr_t)u->page, .len = sm_page,
	};

	if (msg->event != UFFD_EVENT_PAGEFAULT)
		return -1;
	if (msg->arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP) {
		__atomic_add_fetch(&u->writes, 1, __ATOMIC_SEQ_CST);
		return ioctl(u->fd, UFFDIO_WRITEPROTECT, &unprotect);
	}
	sm_fill_page(u->page, __atomic_load_n(&u->seed, __ATOMIC_SEQ_CST),
		     (at - (uintptr_t)u->addr) / sm_page);
	return ioctl(u->fd, UFFDIO_COPY, &copy) && errno != EEXIST ? -1 : 0;
}

static void *serve_faults(void *arg)
{
	struct uffd *u = arg;
	struct uffd_msg msg;

	while (read(u->fd, &msg, sizeof(msg)) == sizeof(msg))
		if (serve_fault(u, &msg))
			break;
	_exit(5);
}

static int begin_uffd(struct race_run *run, uint64_t mode)
{
	static struct uffd uffd;
	struct uffdio_api api = {
		.api = UFFD_API,
		.features = mode & UFFDIO_REGISTER_MODE_WP ?
			    UFFD_FEATURE_PAGEFAULT_FLAG_WP : 0,
	};
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)run->scratch, .len = LEN },
		.mode = mode,
	};

	uffd.addr = run->scratch;
	uffd.page = sm_map(sm_page);
	uffd.fd = syscall(SYS_userfaultfd, O_CLOEXEC);
	RACE_CHECK(run, uffd.page && uffd.fd >= 0);
	RACE_CHECK(run, !ioctl(uffd.fd, UFFDIO_API, &api));
	RACE_CHECK(run, !ioctl(uffd.fd, UFFDIO_REGISTER, &reg));
	RACE_CHECK(run, !pthread_create(&uffd.thread, NULL, serve_faults,
					&uffd));
	run->data = &uffd;
	return 0;
}

static int begin_userfault(struct race_run *run)
{
	return begin_uffd(run, UFFDIO_REGISTER_MODE_MISSING);
}

static int round_userfault(struct race_run *run, long nr)
{
	struct uffd *u = run->data;

	RACE_CHECK(run, !madvise(u->addr, LEN, MADV_DONTNEED));
	__atomic_store_n(&u->seed, nr, __ATOMIC_SEQ_CST);
	RACE_CHECK(run, !sm_bad(u->addr, LEN, nr));
	sm_fill(u->addr, LEN, nr + 1);
	RACE_CHECK(run, !sm_bad(u->addr, LEN, nr + 1));
	return 1;
}

static const struct race race_userfault = {
	.name = "userfault", .lacks = lacks_userfault,
	.begin = begin_userfault, .round = round_userfault, .rounds = 10,
};

static int begin_write_protect(struct race_run *run)
{
	return begin_uffd(run, UFFDIO_REGISTER_MODE_WP);
}

/* A protection that gets lost on the way is a write that nobody is told of. */
static int round_write_protect(struct race_run *run, long nr)
{
	struct uffd *u = run->data;
	struct uffdio_writeprotect protect = {
		.range = { .start = (uintptr_t)u->addr, .len = LEN },
		.mode = UFFDIO_WRITEPROTECT_MODE_WP,
	};
	long before;

	sm_fill(u->addr, LEN, nr);
	RACE_CHECK(run, !ioctl(u->fd, UFFDIO_WRITEPROTECT, &protect));
	pause_a_little(run);
	RACE_CHECK(run, !sm_bad(u->addr, LEN, nr));
	before = __atomic_load_n(&u->writes, __ATOMIC_SEQ_CST);
	sm_fill(u->addr, LEN, nr + 1);
	RACE_CHECK(run, __atomic_load_n(&u->writes, __ATOMIC_SEQ_CST) - before >=
		   sm_pages(LEN));
	RACE_CHECK(run, !sm_bad(u->addr, LEN, nr + 1));
	return 1;
}

static const struct race race_write_protect = {
	.name = "write_protect", .lacks = lacks_write_protect,
	.begin = begin_write_protect, .round = round_write_protect,
	.rounds = 10,
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
	sm_fill(p, LEN, nr);
	RACE_CHECK(run, !shmctl(id, SHM_LOCK, NULL));
	RACE_CHECK(run, !sm_bad(p, LEN, nr));
	pause_a_little(run);
	RACE_CHECK(run, !shmctl(id, SHM_UNLOCK, NULL));
	pause_a_little(run);
	RACE_CHECK(run, !sm_bad(p, LEN, nr));
	RACE_CHECK(run, !shmdt(p));
	return 1;
}

static const struct race race_shm_lock = {
	.name = "shm_lock", .round = round_shm_lock, .rounds = 20,
};

/* Files that get holes and become shorter */

static int shorten(struct race_run *run, int fd, long nr)
{
	size_t i, pages = sm_pages(LEN);
	char *p;

	RACE_CHECK(run, fd >= 0 && !ftruncate(fd, LEN));
	p = sm_map_fd(fd, LEN, PROT_READ | PROT_WRITE, MAP_SHARED);
	RACE_CHECK(run, p);
	sm_fill(p, LEN, nr);
	pause_a_little(run);
	RACE_CHECK(run, !fallocate(fd, FALLOC_FL_PUNCH_HOLE |
				   FALLOC_FL_KEEP_SIZE, LEN / 8, LEN / 8));
	for (i = pages / 8; i < pages / 4; i++)
		RACE_CHECK(run, zero(p + i * sm_page));
	RACE_CHECK(run, !ftruncate(fd, LEN / 2) && !ftruncate(fd, LEN));
	for (i = pages / 2; i < pages; i++)
		RACE_CHECK(run, zero(p + i * sm_page));
	RACE_CHECK(run, !sm_bad(p, LEN / 8, nr));
	for (i = pages / 4; i < pages / 2; i++)
		RACE_CHECK(run, sm_page_is(p + i * sm_page, nr, i));
	RACE_CHECK(run, !munmap(p, LEN));
	return 1;
}

static int round_truncate(struct race_run *run, long nr)
{
	int dir, fd, ret;

	if (nr % 2 && !sm_lacks_ext4()) {
		fd = sm_ext4_file();
	} else {
		dir = sm_tmpfs();
		fd = openat(dir, "race", O_CREAT | O_RDWR, 0600);
		close(dir);
	}
	ret = shorten(run, fd, nr);
	close(fd);
	return ret;
}

static const struct race race_truncate = {
	.name = "truncate", .round = round_truncate, .rounds = 20,
};

/* Others who move pages: the target itself, one by one and as a policy says */

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

const struct race * const races_of_memory[] = {
	&race_fork, &race_exec, &race_unmap, &race_remap, &race_protect,
	&race_dontneed, &race_lazyfree, &race_pageout, &race_collapse,
	&race_split, &race_merge, &race_direct_io, &race_stores, &race_vmsplice,
	&race_userfault, &race_write_protect, &race_mlock, &race_shm_lock,
	&race_truncate, &race_move_pages, NULL,
};
