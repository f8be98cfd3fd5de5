// SPDX-License-Identifier: GPL-2.0-only
/*
 * Choosing the path and seeing what a call does: sysfs, counters, tracepoints.
 * No path drops the page cache of a file for nothing, whoever calls.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../kselftest_harness.h"
#include "util.h"

#define LEN	(4 * MIB)
#define SEED	43
#define OTHER	12345		/* a user that is neither root nor nobody */

FIXTURE(choice)
{
	char *addr;
};

FIXTURE_SETUP(choice)
{
	SM_BEGIN(2);
	SM_NEED(sm_lacks_path(SM_PATH));
}

FIXTURE_TEARDOWN(choice)
{
	sm_trace_end();
	if (self->addr)
		munmap(self->addr, LEN);
	sm_unbind();
	sm_cleanup();
}

/* A file as it is read, all of it. */
static const char *text_of(const char *path)
{
	static char text[256];
	int fd = open(path, O_RDONLY);
	ssize_t n = -1;

	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	text[n < 0 ? 0 : n] = 0;
	return text;
}

static const char *choice(void)
{
	return text_of(SM_PATH);
}

SM_TEST_F(choice, names)
{
	ASSERT_EQ(0, sm_prefer("swap"));
	EXPECT_STREQ("[swap] direct auto\n", choice());
	ASSERT_EQ(0, sm_write(SM_PATH, "direct"));
	EXPECT_STREQ("swap [direct] auto\n", choice());
	ASSERT_EQ(0, sm_write(SM_PATH, "swap\n"));
	EXPECT_STREQ("[swap] direct auto\n", choice());
	ASSERT_EQ(0, sm_write(SM_PATH, "auto"));
	EXPECT_STREQ("swap direct [auto]\n", choice());
	ASSERT_EQ(0, sm_write(SM_PATH, "direct\n"));
	EXPECT_STREQ("swap [direct] auto\n", choice());
	/* The one it is already. */
	ASSERT_EQ(0, sm_write(SM_PATH, "direct"));
	EXPECT_STREQ("swap [direct] auto\n", choice());
}

SM_TEST_F(choice, bad_names)
{
	static const char * const bad[] = {
		"\n", " ", "0", "1", "swa", "swaps", "SWAP", "[swap]", "direct swap",
		"swap direct", " swap", "swap ", "direct\n\n", "none",
	};
	const char *before;
	char much[5000];
	size_t i;
	int p;

	memset(much, 's', sizeof(much) - 1);
	much[sizeof(much) - 1] = 0;
	for (p = 0; p < 2; p++) {
		ASSERT_EQ(0, sm_prefer(p ? "direct" : "swap"));
		before = p ? "swap [direct] auto\n" : "[swap] direct auto\n";
		for (i = 0; i < ARRAY_SIZE(bad); i++) {
			errno = 0;
			EXPECT_EQ(-1, sm_write(SM_PATH, bad[i])) {
				TH_LOG("\"%s\" is taken", bad[i]);
			}
			EXPECT_EQ(EINVAL, errno);
			EXPECT_STREQ(before, choice());
		}
		EXPECT_EQ(-1, sm_write(SM_PATH, much));
		EXPECT_STREQ(before, choice());
	}
}

SM_TEST_F(choice, is_for_root)
{
	pid_t pid;

	ASSERT_EQ(0, sm_prefer("swap"));
	pid = sm_fork();
	if (!pid) {
		if (sm_become(SM_NOBODY))
			_exit(1);
		if (strcmp(choice(), "[swap] direct auto\n"))
			_exit(2);
		_exit(sm_write(SM_PATH, "direct") != -1 || errno != EACCES);
	}
	EXPECT_EQ(0, sm_reap(pid));
	EXPECT_STREQ("[swap] direct auto\n", choice());
}

SM_TEST_F(choice, windows)
{
	static const char * const good[][2] = {
		{ "0", "0\n" }, { "1\n", "1\n" }, { "10000", "10000\n" },
		{ "10000\n", "10000\n" }, { "200", "200\n" },
	};
	static const char * const bad[] = {
		"\n", " ", "-1", "-0", "10001", "4294967296", "18446744073709551616",
		"auto", "0x10", "1 2", " 5", "5 ", "5\n\n", "1.5", "5ms",
	};
	size_t i;

	ASSERT_EQ(0, sm_set(SM_WINDOW, "300"));
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		errno = 0;
		EXPECT_EQ(-1, sm_write(SM_WINDOW, bad[i])) {
			TH_LOG("\"%s\" is taken", bad[i]);
		}
		EXPECT_EQ(EINVAL, errno);
		EXPECT_STREQ("300\n", text_of(SM_WINDOW));
	}
	/* To write nothing is not even a call. */
	EXPECT_EQ(0, sm_write(SM_WINDOW, ""));
	EXPECT_STREQ("300\n", text_of(SM_WINDOW));
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		EXPECT_EQ(0, sm_write(SM_WINDOW, good[i][0]));
		EXPECT_STREQ(good[i][1], text_of(SM_WINDOW));
	}
}

SM_TEST_F(choice, window_is_for_root)
{
	pid_t pid;

	ASSERT_EQ(0, sm_set(SM_WINDOW, "300"));
	pid = sm_fork();
	if (!pid) {
		if (sm_become(SM_NOBODY))
			_exit(1);
		_exit(sm_write(SM_WINDOW, "0") != -1 || errno != EACCES);
	}
	EXPECT_EQ(0, sm_reap(pid));
	EXPECT_STREQ("300\n", text_of(SM_WINDOW));
}

SM_TEST_F(choice, decides)
{
	long long evicted, moved;

	SM_SWAP_ON(SM_ZRAM, 64 * MIB);
	self->addr = sm_map(LEN);
	ASSERT_TRUE(!!self->addr);
	ASSERT_EQ(0, sm_bind(sm_node(0)));
	sm_fill(self->addr, LEN, SEED);
	ASSERT_EQ(0, sm_unbind());

	ASSERT_EQ(0, sm_prefer("direct"));
	evicted = sm_vmstat("swapmig_evicted");
	moved = sm_vmstat("swapmig_moved");
	EXPECT_EQ(0, sm_migrate(0, sm_from(), sm_to()));
	EXPECT_EQ(sm_pages(LEN), sm_on_node(0, self->addr, LEN, sm_node(1)));
	EXPECT_EQ(evicted, sm_vmstat("swapmig_evicted"));
	EXPECT_LE(sm_pages(LEN), sm_vmstat("swapmig_moved") - moved);

	ASSERT_EQ(0, sm_write(SM_PATH, "swap"));
	evicted = sm_vmstat("swapmig_evicted");
	EXPECT_EQ(0, sm_migrate(0, sm_to(), sm_from()));
	EXPECT_EQ(sm_pages(LEN), sm_swapped(0, self->addr, LEN));
	EXPECT_LE(sm_pages(LEN), sm_vmstat("swapmig_evicted") - evicted);
	EXPECT_EQ(0, sm_bad(self->addr, LEN, SEED));
	EXPECT_EQ(sm_pages(LEN), sm_on_node(0, self->addr, LEN, sm_node(0)));
}

SM_TEST_F(choice, counters)
{
	EXPECT_LE(0, sm_vmstat("swapmig_evicted"));
	EXPECT_LE(0, sm_vmstat("swapmig_moved"));
	EXPECT_LE(0, sm_vmstat("swapmig_failed"));
	EXPECT_LE(0, sm_vmstat("swapmig_refault_hit"));
	EXPECT_LE(0, sm_vmstat("swapmig_refault_miss"));
}

/* What the trace says of one call and of what came back after it. */
struct story {
	int begins;
	int ends;
	int chunks;
	int progresses;
	int refaults;
	int strays;		/* out of order, or refaults to other nodes */
	int pid;
	unsigned long from;
	unsigned long to;
	char path[16];
	int samples;
	long accessed;
	long window;
	long isolated;		/* pages of all chunks */
	long largest;
	long evicted, moved, failed;
	long last_evicted, last_moved, last_failed;
};

/* "00000000,00000001" */
static unsigned long mask_field(const char *line, const char *name)
{
	const char *p = strstr(line, name);
	unsigned long mask = 0;
	char *end;

	if (!p)
		return 0;
	for (p += strlen(name); ; p = end + 1) {
		mask = mask << 16 << 16 | strtoul(p, &end, 16);
		if (*end != ',')
			return mask;
	}
}

static int read_story(struct story *s, int target)
{
	FILE *f = fopen(SM_TRACE "/trace", "r");
	char line[1024], *p;
	long n;

	if (!f)
		return -1;
	memset(s, 0, sizeof(*s));
	while (fgets(line, sizeof(line), f)) {
		if (strstr(line, "swapmig_begin:")) {
			s->begins++;
			s->strays += s->ends || s->chunks;
			s->pid = sm_field(line, " pid=");
			s->from = mask_field(line, " from=");
			s->to = mask_field(line, " to=");
			p = strstr(line, " path=");
			if (p)
				sscanf(p, " path=%15s", s->path);
		} else if (strstr(line, "swapmig_sample:")) {
			s->samples++;
			s->strays += !s->begins || s->chunks;
			s->accessed = sm_field(line, " accessed=");
			s->window = sm_field(line, " window_ms=");
		} else if (strstr(line, "swapmig_chunk:")) {
			s->chunks++;
			s->strays += !s->begins || s->ends;
			n = sm_field(line, " nr_pages=");
			s->isolated += n;
			if (n > s->largest)
				s->largest = n;
		} else if (strstr(line, "swapmig_progress:")) {
			s->progresses++;
			s->strays += !s->chunks || s->ends;
			s->last_evicted = sm_field(line, " evicted=");
			s->last_moved = sm_field(line, " moved=");
			s->last_failed = sm_field(line, " failed=");
		} else if (strstr(line, "swapmig_end:")) {
			s->ends++;
			s->evicted = sm_field(line, " evicted=");
			s->moved = sm_field(line, " moved=");
			s->failed = sm_field(line, " failed=");
		} else if (strstr(line, "swapmig_refault:")) {
			s->refaults++;
			s->strays += sm_field(line, " refault_nid=") != target;
			s->strays += sm_field(line, " nid=") != target;
		}
	}
	fclose(f);
	return 0;
}

static void traced(SM_ARGS(choice), const char *path)
{
	struct sm_buffer buf = { .len = LEN, .seed = SEED,
				 .node = sm_node(0) };
	long pages = sm_pages(LEN);
	/* The process rests during the window of "auto". */
	bool swap = strcmp(path, "direct");
	bool sampled = !strcmp(path, "auto");
	struct sm_peer peer;
	struct story s;

	SM_NEED(sm_lacks_traces());
	SM_SWAP_ON(SM_ZRAM, 64 * MIB);
	ASSERT_EQ(0, sm_prefer(path));
	ASSERT_EQ(0, sm_set(SM_WINDOW, "150"));
	buf.addr = sm_map(LEN);
	ASSERT_TRUE(!!buf.addr);
	ASSERT_EQ(0, sm_peer_start(&peer, sm_serve_buffer, &buf));
	ASSERT_EQ(0, sm_peer_ask(&peer, SM_PEER_FILL));

	sm_trace_end();
	ASSERT_EQ(0, sm_trace(NULL));
	EXPECT_EQ(0, sm_migrate(peer.pid, sm_from(), sm_to()));
	ASSERT_EQ(0, read_story(&s, sm_node(1)));
	EXPECT_EQ(1, s.begins);
	EXPECT_EQ(1, s.ends);
	EXPECT_EQ(0, s.strays);
	EXPECT_EQ(peer.pid, s.pid);
	EXPECT_EQ(sm_from(), s.from);
	EXPECT_EQ(sm_to(), s.to);
	EXPECT_STREQ(path, s.path);
	EXPECT_EQ(sampled, s.samples);
	EXPECT_LE(sampled ? pages : 0, s.accessed);
	EXPECT_EQ(sampled ? 150 : 0, s.window);
	EXPECT_LE(pages / 512, s.chunks);
	EXPECT_GE(512, s.largest);
	EXPECT_LE(pages, s.isolated);
	EXPECT_LT(0, s.progresses);
	EXPECT_LE(pages, s.evicted + s.moved);
	EXPECT_EQ(0, s.failed);
	EXPECT_LE(pages, swap ? s.evicted : s.moved);
	EXPECT_EQ(swap, s.evicted > 0);
	/* The last report is of the whole call. */
	EXPECT_EQ(s.evicted, s.last_evicted);
	EXPECT_EQ(s.moved, s.last_moved);

	EXPECT_EQ(0, sm_peer_ask(&peer, SM_PEER_BAD));
	EXPECT_EQ(pages, sm_on_node(peer.pid, buf.addr, LEN, sm_node(1)));
	ASSERT_EQ(0, read_story(&s, sm_node(1)));
	EXPECT_EQ(0, s.strays);
	EXPECT_LE(swap ? pages : 0, s.refaults);
	EXPECT_EQ(swap, s.refaults > 0);
	sm_peer_end(&peer);
	munmap(buf.addr, LEN);
}

SM_TEST_F(choice, traced_swap)
{
	traced(_metadata, self, "swap");
}

SM_TEST_F(choice, traced_direct)
{
	traced(_metadata, self, "direct");
}

SM_TEST_F(choice, traced_auto)
{
	traced(_metadata, self, "auto");
}

/*
 * A file that a user other than root has mapped and migrates. Whether its cache
 * has been kept is for root to see: mincore() does not tell others.
 */
FIXTURE(file)
{
	struct sm_buffer buf;
	struct sm_peer peer;
	char *view;		/* root's: never touched */
	int fd;
	int mapped;
};

FIXTURE_VARIANT(file)
{
	const char *path;
	mode_t mode;
	uid_t owner;
	int flags;
};

FIXTURE_VARIANT_ADD(file, of_another_swap)
{
	.path = "swap", .mode = 0644, .flags = MAP_SHARED,
};

FIXTURE_VARIANT_ADD(file, of_another_swap_private)
{
	.path = "swap", .mode = 0644, .flags = MAP_PRIVATE,
};

FIXTURE_VARIANT_ADD(file, of_another_direct)
{
	.path = "direct", .mode = 0644, .flags = MAP_SHARED,
};

FIXTURE_VARIANT_ADD(file, writable_swap)
{
	.path = "swap", .mode = 0666, .flags = MAP_SHARED,
};

FIXTURE_VARIANT_ADD(file, of_the_caller_swap)
{
	.path = "swap", .mode = 0444, .owner = OTHER, .flags = MAP_SHARED,
};

#define PEER_MIGRATE	100
#define PEER_BECOME	101

static long serve_user(int what, void *arg)
{
	struct _test_data_file *self = arg;

	switch (what) {
	case PEER_BECOME:
		return sm_become(OTHER);
	case PEER_MIGRATE:
		return sm_migrate(0, sm_bit(sm_node(0)), sm_bit(sm_node(1)));
	}
	return sm_serve_buffer(what, &self->buf);
}

FIXTURE_SETUP(file)
{
	SM_BEGIN(2);
	SM_NEED(sm_lacks_path(SM_PATH));
	SM_NEED(sm_lacks_ext4());
	SM_SWAP_ON(SM_ZRAM, 64 * MIB);
	ASSERT_EQ(0, sm_prefer(variant->path));
	self->fd = sm_ext4_file();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, sm_bind(sm_node(0)));
	ASSERT_EQ(0, sm_fill_file(self->fd, LEN, SEED));
	ASSERT_EQ(0, sm_unbind());
	ASSERT_EQ(0, fchown(self->fd, variant->owner, 0));
	ASSERT_EQ(0, fchmod(self->fd, variant->mode));
	ASSERT_EQ(0, fsync(self->fd));
	self->view = sm_map_fd(self->fd, LEN, PROT_READ, MAP_SHARED);
	ASSERT_TRUE(!!self->view);

	self->mapped = sm_reopen(self->fd, O_RDONLY);
	ASSERT_LE(0, self->mapped);
	self->buf.len = LEN;
	self->buf.seed = SEED;
	self->buf.addr = sm_map_fd(self->mapped, LEN, PROT_READ,
				   variant->flags);
	ASSERT_TRUE(!!self->buf.addr);
	ASSERT_EQ(0, sm_peer_start(&self->peer, serve_user, self));
	ASSERT_EQ(0, sm_peer_ask(&self->peer, PEER_BECOME));
	ASSERT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
	ASSERT_EQ(sm_pages(LEN), sm_on_node(self->peer.pid, self->buf.addr,
					    LEN, sm_node(0)));
}

FIXTURE_TEARDOWN(file)
{
	sm_peer_end(&self->peer);
	munmap(self->view, LEN);
	munmap(self->buf.addr, LEN);
	close(self->mapped);
	close(self->fd);
	sm_unbind();
	sm_cleanup();
}

/*
 * Also where the caller might drop it. What becomes of the cache when the target
 * is full is tested in permission.c.
 */
SM_TEST_F(file, cache_is_moved)
{
	long long moved = sm_vmstat("swapmig_moved");
	long pages = sm_pages(LEN);
	pid_t pid = self->peer.pid;

	ASSERT_EQ(pages, sm_in_memory(self->view, LEN));
	EXPECT_EQ(0, sm_peer_ask(&self->peer, PEER_MIGRATE));
	EXPECT_EQ(0, sm_on_node(pid, self->buf.addr, LEN, sm_node(0)));
	EXPECT_EQ(pages, sm_in_memory(self->view, LEN));
	EXPECT_EQ(pages, sm_on_node(pid, self->buf.addr, LEN, sm_node(1)));
	EXPECT_LE(pages, sm_vmstat("swapmig_moved") - moved);
	EXPECT_EQ(0, sm_peer_ask(&self->peer, SM_PEER_BAD));
}

TEST_HARNESS_MAIN
