// SPDX-License-Identifier: GPL-2.0-only
/*
 * Races of migration with what the process does to, and has done with, its pages.
 * See race.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "race.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

#define LEN	(64 * sm_page)
#define SPLIT	"/sys/kernel/debug/split_huge_pages"

static bool zero(const char *page)
{
	return !page[0] && !memcmp(page, page + 1, sm_page - 1);
}

/* Advice */

static int round_dontneed(struct race_run *run, long nr)
{
	char *p = run->scratch;
	size_t i;

	sm_fill(p, LEN, nr);
	race_pause(run);
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
	race_pause(run);
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
 * Pages that a migrator has isolated cannot collapse, and it always has some: so it
 * pauses for the round that it has disturbed, and for one more.
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
	RACE_CHECK(run, !sm_set(SM_KSM "/pages_to_scan", "1000"));
	RACE_CHECK(run, !sm_set(SM_KSM "/sleep_millisecs", "0"));
	RACE_CHECK(run, !sm_set(SM_KSM "/run", "1"));
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
	race_pause(run);
	hit = sm_read_long(SM_KSM "/pages_sharing") > 0;
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

/* What is written to a page and read from it. */
static long *word(char *addr, long page)
{
	return (long *)(addr + page * sm_page);
}

/*
 * Threads that write to different words of the same pages, one as programs do and the
 * other through the page tables, which takes a fault wherever a page has been unmapped.
 * The copy that this fault makes must not miss what the first thread still writes.
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
			if (__atomic_load_n(word(s->addr, i), __ATOMIC_RELAXED) != nr)
				s->lost = true;
			__atomic_store_n(word(s->addr, i), nr + 1, __ATOMIC_RELAXED);
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
		*word(s.addr, i) = 0;
	RACE_CHECK(run, !pthread_create(&s.thread, NULL, store, &s));
	for (i = 0; i < 100 * STORES; i++) {
		long *other = word(s.addr, i % STORES) + 1;

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

/*
 * One thread writes a page now and then and tells of it, another reads all of them, again
 * and again. A read may not be older than what has been told before: it would come from a
 * frame that the page has left.
 */
#define LOADS	64	/* pages */
#define PASSES	4	/* of writing, in a round */

struct loads {
	char *addr;
	long told;	/* the pass, times LOADS, plus the page that has been written */
	int end;
	pthread_t thread;
};

static void *write_and_tell(void *arg)
{
	struct loads *l = arg;
	long nr;

	for (nr = LOADS; nr < (PASSES + 1) * LOADS; nr++) {
		__atomic_store_n(word(l->addr, nr % LOADS), nr, __ATOMIC_RELAXED);
		__atomic_store_n(&l->told, nr, __ATOMIC_RELEASE);
		usleep(100);
	}
	__atomic_store_n(&l->end, 1, __ATOMIC_RELAXED);
	return NULL;
}

static int round_loads(struct race_run *run, long nr)
{
	struct loads l = { .addr = run->scratch, .told = LOADS - 1 };
	bool old = false;
	long i, told;

	sm_fill(run->scratch, RACE_SCRATCH, nr);
	for (i = 0; i < LOADS; i++)
		*word(l.addr, i) = i;
	/* A TLB that both use would not be stale. */
	RACE_CHECK(run, !sm_pin(0));
	RACE_CHECK(run, !pthread_create(&l.thread, NULL, write_and_tell, &l));
	RACE_CHECK(run, !sm_pin(1));
	while (!__atomic_load_n(&l.end, __ATOMIC_RELAXED)) {
		told = __atomic_load_n(&l.told, __ATOMIC_ACQUIRE);
		for (i = told; i > told - LOADS; i--)
			old |= __atomic_load_n(word(l.addr, i % LOADS), __ATOMIC_RELAXED) < i;
	}
	RACE_CHECK(run, !pthread_join(l.thread, NULL) && !sm_unpin());
	RACE_CHECK(run, !old);
	return 1;
}

static const struct race race_loads = {
	.name = "loads", .lacks = sm_lacks_two_cpus, .round = round_loads, .rounds = 10,
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
	race_pause(run);
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
	race_pause(run);
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

const struct race * const races_of_pages[] = {
	&race_dontneed, &race_lazyfree, &race_pageout, &race_collapse,
	&race_split, &race_merge, &race_direct_io, &race_stores,
	&race_loads, &race_vmsplice, &race_userfault, &race_write_protect,
	NULL,
};
