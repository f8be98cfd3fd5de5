// SPDX-License-Identifier: GPL-2.0-only
/*
 * Allocations and a swap disk that fail, at every place where a call or a refault can
 * meet them. No data is lost, nothing hangs, and what the kernel reports is still
 * true.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/mempolicy.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "util.h"

#define NR_SMALL	16	/* pages that are not huge: many calls are made */
#define SEED		41
#define FAIL_NTH	"/proc/thread-self/fail-nth"
#define FAIL_SLAB	"/sys/kernel/debug/failslab"
#define FAIL_PAGE	"/sys/kernel/debug/fail_page_alloc"
#define FAIL_IO		"/sys/kernel/debug/fail_make_request"
#define FAIL_FUNCTION	"/sys/kernel/debug/fail_function"
#define SET_NODE	"swapmig_refault_set"	/* a function of the kernel */

/* One process with a buffer on the source node. */
struct world {
	struct sm_buffer buf;
	struct sm_peer peer;
	const struct memory *memory;
	unsigned long from;
	unsigned long to;
	int target;
	int file;	/* the buffer is mapped from it, unless it is -1 */
	bool clean;	/* and is written to it at once */
};

/* A kind of memory that the buffer can be of. */
struct memory {
	const char *(*lacks)(void);
	void *(*map)(struct world *w);
};

#define ARGS	struct __test_metadata *_metadata, struct world *w

static void *map_small(struct world *w)
{
	return sm_map(w->buf.len);
}

static const char *lacks_huge(void)
{
	return sm_lacks_path("/sys/kernel/mm/transparent_hugepage");
}

static void *map_huge(struct world *w)
{
	w->buf.len = SM_HUGE;
	return sm_map_huge(w->buf.len);
}

static void *map_shared(struct world *w)
{
	return sm_map_fd(w->file, w->buf.len, PROT_READ | PROT_WRITE,
			 MAP_SHARED | (w->file < 0 ? MAP_ANONYMOUS : 0));
}

static void *map_dirty_file(struct world *w)
{
	w->file = sm_ext4_file();
	return w->file < 0 ? NULL : map_shared(w);
}

static void *map_clean_file(struct world *w)
{
	w->clean = true;
	return map_dirty_file(w);
}

static const char *make_it_fail(void)
{
	static char path[64], disk[64];

	snprintf(disk, sizeof(disk), "%s", getenv("SWAPMIG_DISK"));
	snprintf(path, sizeof(path), "/sys/block/%s/make-it-fail",
		 basename(disk));
	return path;
}

static const char *lacks_faults(enum sm_dev dev)
{
	const char *why = sm_lacks_path(SM_PATH);

	if (!why)
		why = sm_lacks_swap(dev);
	if (!why)
		why = sm_lacks_path(FAIL_NTH);
	if (!why)
		why = sm_lacks_path(FAIL_SLAB);
	if (!why)
		why = sm_lacks_path(FAIL_PAGE);
	if (!why)
		why = sm_lacks_path(FAIL_IO);
	return why || dev != SM_DISK ? why : sm_lacks_path(make_it_fail());
}

/* Every sort of allocation can fail, and says nothing about it. */
static int prepare_machine(const char *path, enum sm_dev dev)
{
	return sm_swap_on(dev, 128 * MIB) || sm_prefer(path) ||
	       sm_set(FAIL_SLAB "/verbose", "0") ||
	       sm_set(FAIL_SLAB "/ignore-gfp-wait", "N") ||
	       sm_set(FAIL_PAGE "/verbose", "0") ||
	       sm_set(FAIL_PAGE "/ignore-gfp-wait", "N") ||
	       sm_set(FAIL_PAGE "/ignore-gfp-highmem", "N") ||
	       sm_set(FAIL_PAGE "/min-order", "0") ||
	       sm_set(FAIL_IO "/verbose", "0") ? -1 : 0;
}

static void prepare(ARGS, const char *path, enum sm_dev dev)
{
	w->file = -1;
	SM_BEGIN(2);
	SM_NEED(lacks_faults(dev));
	ASSERT_EQ(0, prepare_machine(path, dev));
	w->buf.len = NR_SMALL * sm_page;
	w->buf.seed = SEED;
	w->buf.node = sm_node(0);
	w->target = sm_node(1);
	w->from = sm_bit(w->buf.node);
	w->to = sm_bit(w->target);
}

static void end(struct world *w)
{
	sm_peer_end(&w->peer);
	if (w->file >= 0)
		close(w->file);
	sm_cleanup();
}

/* Have the @nth allocation, or I/O request, from now on fail. */
static int arm(int nth)
{
	int fd = open(FAIL_NTH, O_RDWR);
	char text[16];
	ssize_t len;

	len = snprintf(text, sizeof(text), "%d", nth);
	if (fd >= 0 && write(fd, text, len) == len)
		return fd;
	close(fd);
	return -1;
}

/* Has it failed? */
static bool disarm(int fd)
{
	char left[16] = "";
	bool hit;

	hit = pread(fd, left, sizeof(left) - 1, 0) > 0 && !atoi(left);
	if (pwrite(fd, "0", 1, 0) != 1)
		hit = false;
	close(fd);
	return hit;
}

/* All that is written to, and read from, the swap disk fails. */
static int break_disk(void)
{
	return sm_set(FAIL_IO "/probability", "100") ||
	       sm_set(FAIL_IO "/times", "-1") ||
	       sm_set(make_it_fail(), "1") ? -1 : 0;
}

static int mend_disk(void)
{
	return sm_write(make_it_fail(), "0");
}

enum { TOUCH_FAILING = 1000 };	/* plus which allocation */

static int renew(struct world *w)
{
	struct sm_buffer *buf = &w->buf;

	if (w->file >= 0)
		return ftruncate(w->file, 0) || ftruncate(w->file, buf->len);
	/* The second is for memory that is shared. */
	return madvise(buf->addr, buf->len, MADV_DONTNEED) ||
	       (madvise(buf->addr, buf->len, MADV_REMOVE) && errno != EINVAL);
}

/*
 * Fill new memory, so that nothing old can be taken for it, and read it where
 * policy does not bring it: an evicted page comes back to its refault node, a file
 * has none.
 */
static long serve(int what, void *arg)
{
	struct world *w = arg;
	struct sm_buffer *buf = &w->buf;
	long ret;
	int fd;

	if (what == SM_PEER_FILL) {
		buf->seed++;
		if (renew(w) || sm_serve_buffer(SM_PEER_FILL, buf))
			return -1;
		if (w->file < 0)
			return 0;
		if (fsync(w->file))
			return -1;
		/* To write it again takes no new blocks. */
		if (!w->clean)
			sm_fill(buf->addr, buf->len, ++buf->seed);
		return 0;
	}

	/* No bind: a page that misses its refault node is allocated near it, unless bound. */
	if (sm_set_policy(MPOL_PREFERRED, sm_bit(w->file < 0 ? buf->node : w->target)))
		return -1;
	if (what == SM_PEER_BAD) {
		ret = sm_serve_buffer(what, buf);
	} else {
		fd = arm(what - TOUCH_FAILING);
		/* They come back one by one, even those of a huge page. */
		sm_touch(buf->addr, NR_SMALL * sm_page);
		ret = fd < 0 ? -1 : disarm(fd);
	}
	return sm_unbind() ? -1 : ret;
}

static void start(ARGS, const char *path, enum sm_dev dev)
{
	prepare(_metadata, w, path, dev);
	SM_NEED(w->memory->lacks ? w->memory->lacks() : NULL);
	w->buf.addr = w->memory->map(w);
	ASSERT_TRUE(!!w->buf.addr);
	ASSERT_EQ(0, sm_peer_start(&w->peer, serve, w));
}

static long on_node(struct world *w, int node)
{
	return sm_on_node(w->peer.pid, w->buf.addr, w->buf.len, node);
}

static void fill(ARGS)
{
	ASSERT_EQ(0, sm_peer_ask(&w->peer, SM_PEER_FILL));
	ASSERT_EQ(sm_pages(w->buf.len), on_node(w, w->buf.node));
}

/* Pages that somebody has taken off the LRU and not given back. */
static long long isolated(void)
{
	long long nr = 0;
	int tries;

	/* Others take some, too, for a moment. */
	for (tries = 0; tries < 50; tries++) {
		sm_write("/proc/sys/vm/stat_refresh", "1");
		nr = sm_vmstat("nr_isolated_anon") +
		     sm_vmstat("nr_isolated_file");
		if (!nr)
			break;
		usleep(20000);
	}
	return nr;
}

/* Returns whether a fault has been met. */
static bool migrate(ARGS, int nth)
{
	long long evicted = sm_vmstat("swapmig_evicted");
	long long failed = sm_vmstat("swapmig_failed");
	long long moved = sm_vmstat("swapmig_moved");
	long before = sm_mapped_on_node(w->peer.pid, w->buf.node);
	int err, fd = arm(nth);
	bool hit;
	long ret;

	ASSERT_LE(0, fd);
	ret = sm_migrate(w->peer.pid, w->from, w->to);
	err = errno;
	hit = disarm(fd);
	evicted = sm_vmstat("swapmig_evicted") - evicted;
	failed = sm_vmstat("swapmig_failed") - failed;
	moved = sm_vmstat("swapmig_moved") - moved;

	if (ret < 0) {
		EXPECT_EQ(ENOMEM, err);
		EXPECT_EQ(0, evicted + moved);
		EXPECT_EQ(0, failed);
	} else {
		EXPECT_EQ(ret, failed);
		EXPECT_EQ(before - ret, evicted + moved);
	}
	EXPECT_EQ(0, sm_peer_ask(&w->peer, SM_PEER_BAD));
	if (ret >= 0)
		EXPECT_GE(ret, on_node(w, w->buf.node));
	EXPECT_EQ(0, isolated());
	return hit;
}

/* What had to stay can leave now. */
static void recover(ARGS)
{
	EXPECT_EQ(0, sm_migrate(w->peer.pid, w->from, w->to));
	EXPECT_EQ(0, sm_peer_ask(&w->peer, SM_PEER_BAD));
	EXPECT_EQ(sm_pages(w->buf.len), on_node(w, w->target));
}

/* No slot has been lost: swapoff would look for it without end. */
static void empty_swap(ARGS)
{
	ASSERT_EQ(0, sm_swap_off());
	EXPECT_EQ(0, sm_peer_ask(&w->peer, SM_PEER_BAD));
}

/*
 * The first allocations one by one, then, where there are hundreds, some of them.
 * Those for a huge page are the same over and over, and each step takes seconds.
 */
static int following(struct world *w, int nth)
{
	return nth + 1 + nth / (w->buf.len == SM_HUGE ? 4 : 32);
}

static void sweep_calls(ARGS, const char *path, enum sm_dev dev)
{
	bool hit = true;
	int nth;

	start(_metadata, w, path, dev);
	/* Not at random: only those that are asked for. */
	if (dev == SM_DISK)
		ASSERT_EQ(0, sm_set(make_it_fail(), "1"));
	for (nth = 1; hit; nth = following(w, nth)) {
		fill(_metadata, w);
		hit = migrate(_metadata, w, nth);
		recover(_metadata, w);
		if (!_metadata->passed) {
			TH_LOG("when allocation %d fails", nth);
			break;
		}
	}
	/* Some were met. */
	EXPECT_LT(2, nth);
	empty_swap(_metadata, w);
}

static void sweep_refaults(ARGS, enum sm_dev dev)
{
	long hit = 1;
	int nth;

	start(_metadata, w, "swap", dev);
	for (nth = 1; hit; nth = following(w, nth)) {
		fill(_metadata, w);
		ASSERT_EQ(0, sm_migrate(w->peer.pid, w->from, w->to));
		ASSERT_EQ(0, on_node(w, w->buf.node));
		hit = sm_peer_ask(&w->peer, TOUCH_FAILING + nth);
		EXPECT_LE(0, hit);
		EXPECT_EQ(0, sm_peer_ask(&w->peer, SM_PEER_BAD));
		EXPECT_EQ(sm_pages(w->buf.len), on_node(w, w->target));
		if (!_metadata->passed) {
			TH_LOG("when allocation %d fails", nth);
			break;
		}
	}
	EXPECT_LT(2, nth);
	empty_swap(_metadata, w);
}

/* The pages can only be moved, or stay. */
static void cannot_write(ARGS)
{
	start(_metadata, w, "swap", SM_DISK);
	fill(_metadata, w);
	ASSERT_EQ(0, break_disk());
	migrate(_metadata, w, 0);
	ASSERT_EQ(0, mend_disk());
	recover(_metadata, w);
	empty_swap(_metadata, w);
}

/* No slot gets a refault node any more. */
static int break_refault_nodes(void)
{
	char error[32];

	snprintf(error, sizeof(error), "%#llx", (long long)-ENOMEM);
	return sm_set(FAIL_FUNCTION "/verbose", "0") ||
	       sm_set(FAIL_FUNCTION "/times", "-1") ||
	       sm_set(FAIL_FUNCTION "/probability", "100") ||
	       sm_set(FAIL_FUNCTION "/inject", SET_NODE) ||
	       sm_write(FAIL_FUNCTION "/" SET_NODE "/retval", error) ? -1 : 0;
}

static int mend_refault_nodes(void)
{
	return sm_write(FAIL_FUNCTION "/inject", "!" SET_NODE);
}

/*
 * A page that could not be told where to come back is moved, not swapped out. One that
 * is in swap already is reported, and comes back where it was sent before.
 */
static void no_refault_node(ARGS, enum sm_dev dev)
{
	long long written;
	long pages;

	SM_NEED(sm_lacks_path(FAIL_FUNCTION));
	start(_metadata, w, "swap", dev);
	pages = sm_pages(w->buf.len);

	fill(_metadata, w);
	written = sm_vmstat("pswpout");
	ASSERT_EQ(0, break_refault_nodes());
	EXPECT_EQ(0, sm_migrate(w->peer.pid, w->from, w->to));
	EXPECT_EQ(written, sm_vmstat("pswpout"));
	EXPECT_EQ(0, sm_peer_ask(&w->peer, SM_PEER_BAD));
	EXPECT_EQ(pages, on_node(w, w->target));
	EXPECT_EQ(0, isolated());
	ASSERT_EQ(0, mend_refault_nodes());

	fill(_metadata, w);
	ASSERT_EQ(0, sm_migrate(w->peer.pid, w->from, w->to));
	ASSERT_EQ(0, on_node(w, w->buf.node));
	ASSERT_EQ(0, break_refault_nodes());
	EXPECT_LE(pages, sm_migrate(w->peer.pid, w->to, w->from));
	EXPECT_EQ(0, isolated());
	ASSERT_EQ(0, mend_refault_nodes());
	EXPECT_EQ(0, sm_peer_ask(&w->peer, SM_PEER_BAD));
	EXPECT_EQ(pages, on_node(w, w->target));

	fill(_metadata, w);
	migrate(_metadata, w, 0);
	recover(_metadata, w);
	empty_swap(_metadata, w);
}

/* Memory that goes to swap */

FIXTURE(swapped)
{
	struct world world;
};

FIXTURE_VARIANT(swapped)
{
	struct memory memory;
};

FIXTURE_VARIANT_ADD(swapped, small)
{
	.memory.map = map_small,
};

FIXTURE_VARIANT_ADD(swapped, huge)
{
	.memory = { .lacks = lacks_huge, .map = map_huge },
};

FIXTURE_VARIANT_ADD(swapped, shared)
{
	.memory.map = map_shared,
};

FIXTURE_SETUP(swapped)
{
	self->world.memory = &variant->memory;
}

FIXTURE_TEARDOWN(swapped)
{
	end(&self->world);
}

SM_TEST_F(swapped, calls_zram)
{
	sweep_calls(_metadata, &self->world, "swap", SM_ZRAM);
}

SM_TEST_F(swapped, calls_disk)
{
	sweep_calls(_metadata, &self->world, "swap", SM_DISK);
}

SM_TEST_F(swapped, calls_direct)
{
	sweep_calls(_metadata, &self->world, "direct", SM_ZRAM);
}

SM_TEST_F(swapped, refaults_zram)
{
	sweep_refaults(_metadata, &self->world, SM_ZRAM);
}

SM_TEST_F(swapped, refaults_disk)
{
	sweep_refaults(_metadata, &self->world, SM_DISK);
}

SM_TEST_F(swapped, cannot_write)
{
	cannot_write(_metadata, &self->world);
}

SM_TEST_F(swapped, no_refault_node_zram)
{
	no_refault_node(_metadata, &self->world, SM_ZRAM);
}

SM_TEST_F(swapped, no_refault_node_disk)
{
	no_refault_node(_metadata, &self->world, SM_DISK);
}

/* Memory that is in a file */

FIXTURE(file)
{
	struct world world;
};

FIXTURE_VARIANT(file)
{
	struct memory memory;
};

FIXTURE_VARIANT_ADD(file, clean)
{
	.memory = { .lacks = sm_lacks_ext4, .map = map_clean_file },
};

FIXTURE_VARIANT_ADD(file, dirty)
{
	.memory = { .lacks = sm_lacks_ext4, .map = map_dirty_file },
};

FIXTURE_SETUP(file)
{
	self->world.memory = &variant->memory;
}

FIXTURE_TEARDOWN(file)
{
	end(&self->world);
}

SM_TEST_F(file, calls_zram)
{
	sweep_calls(_metadata, &self->world, "swap", SM_ZRAM);
}

SM_TEST_F(file, calls_disk)
{
	sweep_calls(_metadata, &self->world, "swap", SM_DISK);
}

SM_TEST_F(file, calls_direct)
{
	sweep_calls(_metadata, &self->world, "direct", SM_ZRAM);
}

/* A page that cannot be read */

FIXTURE(disk)
{
	struct world world;
};

FIXTURE_SETUP(disk)
{
	prepare(_metadata, &self->world, "swap", SM_DISK);
}

FIXTURE_TEARDOWN(disk)
{
	end(&self->world);
}

/*
 * A process that touches a page that cannot be read is killed, and no other one is:
 * those that share the page need it only later. By then the disk is well, and the next call does
 * away with what a frame has instead of the page.
 */
SM_TEST_F(disk, cannot_read)
{
	struct world *w = &self->world;
	struct sm_buffer *buf = &w->buf;
	int status;
	pid_t pid;

	/* The test itself must not depend on the disk. */
	ASSERT_EQ(0, mlockall(MCL_CURRENT));
	buf->addr = sm_map(buf->len);
	ASSERT_TRUE(!!buf->addr);
	ASSERT_EQ(0, sm_serve_buffer(SM_PEER_FILL, buf));
	ASSERT_EQ(0, sm_migrate(0, w->from, w->to));
	ASSERT_EQ(0, sm_in_memory(buf->addr, buf->len));

	ASSERT_EQ(0, break_disk());
	pid = sm_fork();
	if (!pid) {
		sm_touch(buf->addr, sm_page);
		_exit(0);
	}
	status = sm_reap(pid);
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(SIGBUS, WTERMSIG(status));
	ASSERT_EQ(0, mend_disk());

	EXPECT_EQ(0, sm_migrate(0, w->to, w->from));
	EXPECT_EQ(0, sm_in_memory(buf->addr, buf->len));
	EXPECT_EQ(0, sm_bad(buf->addr, buf->len, buf->seed));
	EXPECT_EQ(sm_pages(buf->len),
		  sm_on_node(0, buf->addr, buf->len, buf->node));
	ASSERT_EQ(0, sm_swap_off());
	EXPECT_EQ(0, sm_bad(buf->addr, buf->len, buf->seed));
}

TEST_HARNESS_MAIN
