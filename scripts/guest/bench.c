// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's side of "make bench".
 *
 * usage: bench list
 *	  bench CASE...
 *
 * "list" prints the cases and the machine that each wants: "icount", where guest
 * time counts instructions; "smp", with two CPUs; "disk", with two CPUs and a
 * disk of limited speed. A case prints lines "CASE METRIC VALUE UNIT".
 *
 * A patched kernel migrates on the path that the case is about. An unmodified one
 * migrates where a case is about the direct path, and else gets the nearest thing
 * that it has: process_madvise(MADV_PAGEOUT).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "redis.h"
#include "util.h"

#define SOURCE		0
#define TARGET		1
#define NS_PER_INSN	8
#define TRACING		"/sys/kernel/tracing/"
#define GIB		(1024 * MIB)

enum method { DIRECT, SWAP, AUTO };

static const char * const paths[] = { "direct", "swap", "auto" };

/* What the program does during the call. */
enum activity {
	REST, MAP_A_PAGE, TOUCH_A_PAGE, TOUCH_A_TENTH, TOUCH_ALL, THREADS_ON_ALL_CPUS
};

struct run {
	enum method method;
	enum sm_dev dev;
	size_t mib;
	bool huge;
};

/* Shared with the program that is migrated. */
struct shared {
	atomic_bool stop;
	atomic_int running;
	atomic_ulong touches;
	pid_t thread;			/* that is active */
	uint64_t began, ended;		/* the call, which returned, ... */
	long returned;
	uint64_t cpu_time;		/* ... and took this of the caller's */
};

static const char *case_name;
static struct shared *shared;

static void __attribute__((format(printf, 1, 2), noreturn))
die(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "bench %s: ", case_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, " (%s)\n", strerror(errno));
	exit(1);
}

static void result(const char *metric, double value, const char *unit)
{
	printf("%s %s %.6g %s\n", case_name, metric, value, unit);
	fflush(stdout);
}

#define MS		1000000		/* ns */

static uint64_t ns(struct timespec t)
{
	return t.tv_sec * 1000000000ULL + t.tv_nsec;
}

static uint64_t now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return ns(t);
}

static bool ours(void)
{
	return !access(SM_PATH, F_OK);
}

static bool knows(enum method path)
{
	char line[64];

	return !sm_read_line(SM_PATH, line, sizeof(line)) && strstr(line, paths[path]);
}

/* The program that is migrated */

/* Data that compresses well, as that of programs does: an eighth is noise. */
static void fill(char *addr, size_t len)
{
	uint64_t x = 88172645463325252ULL, *word = (uint64_t *)addr;
	size_t i;

	for (i = 0; i < len / sizeof(*word); i++) {
		if (i % 512 < 64) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
		}
		word[i] = i % 512 < 64 ? x : i / 64;
	}
}

static char *map_and_fill(const struct run *run)
{
	size_t len = run->mib * MIB;
	char *addr = run->huge ? sm_map_huge(len) : sm_map(len);

	if (!addr)
		die("no memory");
	fill(addr, len);
	return addr;
}

/* A file that nobody else maps; what is written to a disk is on it already. */
static char *map_file(int fd, size_t len)
{
	char *addr;

	if (fd < 0 || ftruncate(fd, len))
		die("no file");
	addr = sm_map_fd(fd, len, PROT_READ | PROT_WRITE, MAP_SHARED);
	if (!addr)
		die("mmap");
	fill(addr, len);
	if (fsync(fd))
		die("fsync");
	return addr;
}

static char *map_ext4(const struct run *run)
{
	return map_file(sm_ext4_file(), run->mib * MIB);
}

static char *map_tmpfs(const struct run *run)
{
	return map_file(sm_tmpfs_file("never"), run->mib * MIB);
}

/* Pages of @len bytes that the program touches in turn. */
static long pages_touched(enum activity activity, size_t len)
{
	switch (activity) {
	case TOUCH_A_PAGE:	return 16;
	case TOUCH_A_TENTH:	return sm_pages(len) / 10;
	case TOUCH_ALL:		return sm_pages(len);
	default:		return 0;
	}
}

struct active {
	enum activity activity;
	char *resident;
	long nr_pages;
};

static void map_a_page(void)
{
	char *p = mmap(NULL, sm_page, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("mmap");
	*p = 1;
	munmap(p, sm_page);
}

static void *do_small_things(void *arg)
{
	const struct active *active = arg;

	shared->thread = syscall(SYS_gettid);
	while (!shared->stop) {
		if (active->activity == MAP_A_PAGE)
			map_a_page();
		else
			++*(volatile char *)(active->resident + shared->touches++ %
					     active->nr_pages * sm_page);
		shared->running = 1;
	}
	return NULL;
}

static void *keep_cpu(void *cpu)
{
	char mine = 0;

	sm_pin((long)cpu);
	atomic_fetch_add(&shared->running, 1);
	while (!shared->stop)
		++*(volatile char *)&mine;
	return NULL;
}

/* A program at rest costs nothing: it sleeps until the other end of @until is closed. */
static void be_active(enum activity activity, char *resident, size_t len, int until)
{
	long cpu, nr_cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct active active = { activity, resident, pages_touched(activity, len) };
	pthread_t thread;

	if (activity == THREADS_ON_ALL_CPUS) {
		for (cpu = 0; cpu < nr_cpus; cpu++)
			if (pthread_create(&thread, NULL, keep_cpu, (void *)cpu))
				die("pthread_create");
	} else if (activity != REST) {
		if (pthread_create(&thread, NULL, do_small_things, &active) ||
		    pthread_join(thread, NULL))
			die("pthread_create");
	} else {
		shared->running = 1;
	}
	if (read(until, &cpu, sizeof(cpu)))
		die("the bench went away");
}

struct program {
	pid_t pid;
	int until;			/* closed to have it end */
	char *addr;
	size_t len;
};

/*
 * Start a program that fills memory on the source node as @fill_memory() does, and
 * is then active until it is ended.
 */
static struct program start(const struct run *run, enum activity activity,
			    char *(*fill_memory)(const struct run *))
{
	struct program program = { .len = run->mib * MIB };
	int ready[2], until[2], want = 1;

	memset(shared, 0, sizeof(*shared));
	if (pipe(ready) || pipe(until))
		die("pipe");
	program.pid = sm_fork();
	if (program.pid < 0)
		die("fork");
	if (!program.pid) {
		close(until[1]);
		if (sm_bind(SOURCE))
			die("bind");
		program.addr = fill_memory(run);
		sm_unbind();
		if (write(ready[1], &program.addr, sizeof(program.addr)) < 0)
			die("pipe");
		be_active(activity, program.addr, program.len, until[0]);
		_exit(0);
	}
	close(ready[1]);
	close(until[0]);
	program.until = until[1];
	if (read(ready[0], &program.addr, sizeof(program.addr)) <= 0)
		die("the program ended");
	close(ready[0]);
	if (activity == THREADS_ON_ALL_CPUS)
		want = sysconf(_SC_NPROCESSORS_ONLN);
	while (shared->running < want)
		usleep(1000);
	return program;
}

static void end(struct program *program)
{
	shared->stop = true;
	close(program->until);
	if (sm_reap(program->pid))
		die("the program did not end well");
}

/*
 * Send ahead what the program maps besides: a call takes it too, it differs from
 * run to run, and it is not what is measured.
 */
static void send_others_ahead(const struct program *program)
{
	unsigned long from, to, addr, start = (unsigned long)program->addr;
	char line[512], path[64];
	int node = TARGET, status;
	void *page;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", program->pid);
	maps = fopen(path, "r");
	if (!maps)
		die("%s", path);
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx", &from, &to) != 2)
			die("%s: %s", path, line);
		for (addr = from; addr < to; addr += sm_page) {
			page = (void *)addr;
			if (addr - start >= program->len)
				syscall(SYS_move_pages, program->pid, 1L, &page,
					&node, &status, MPOL_MF_MOVE_ALL);
		}
	}
	fclose(maps);
}

static long left_on_source(const struct program *program)
{
	return sm_on_node(program->pid, program->addr, program->len, SOURCE);
}

/* The call */

static long page_out(const struct program *program)
{
	struct iovec iov = { program->addr, program->len };
	int pidfd = syscall(SYS_pidfd_open, program->pid, 0);
	long ret = 0;

	/* The kernel limits what it does at once. */
	while (iov.iov_len) {
		ret = syscall(SYS_process_madvise, pidfd, &iov, 1,
			      MADV_PAGEOUT, 0);
		if (ret <= 0)
			break;
		iov.iov_base = (char *)iov.iov_base + ret;
		iov.iov_len -= ret;
	}
	close(pidfd);
	return ret < 0 ? ret : 0;
}

static long migrate(const struct run *run, const struct program *program)
{
	if (ours())
		sm_prefer(paths[run->method]);
	else if (run->method == SWAP)
		return page_out(program);
	return sm_migrate(program->pid, sm_bit(SOURCE), sm_bit(TARGET));
}

static void swap_on(const struct run *run)
{
	if (sm_swap_on(run->dev, (run->mib + 32) * MIB))
		die("no swap");
}

static void prepare_swap(const struct run *run)
{
	if (run->method == SWAP)
		swap_on(run);
}

/*
 * What the call costs: the caller's CPU time, as guest time does not stand still
 * while a disk writes, or while the kernel's own threads have something to do.
 */
static void measure_call(const struct run *run, const struct program *program,
			 long nr_pages)
{
	uint64_t took = now(CLOCK_PROCESS_CPUTIME_ID);
	long ret;

	ret = migrate(run, program);
	if (ret < 0)
		die("the call failed");
	took = now(CLOCK_PROCESS_CPUTIME_ID) - took;
	result("insn_per_page", (double)took / NS_PER_INSN / nr_pages, "insn");
	result("returned", ret, "pages");
}

static void cost_of(const struct run *run, char *(*fill_memory)(const struct run *))
{
	struct program program;

	prepare_swap(run);
	program = start(run, REST, fill_memory);
	send_others_ahead(&program);
	measure_call(run, &program, sm_pages(program.len));
	result("left_on_source", left_on_source(&program), "pages");
	end(&program);
}

static void cost(const struct run *run) { cost_of(run, map_and_fill); }
static void cost_ext4(const struct run *run) { cost_of(run, map_ext4); }
static void cost_tmpfs(const struct run *run) { cost_of(run, map_tmpfs); }

/* What it costs to touch everything again. */
static void refault(const struct run *run)
{
	char *addr;
	uint64_t took;
	struct program program = { .pid = getpid(), .len = run->mib * MIB };
	size_t i;

	prepare_swap(run);
	sm_bind(SOURCE);
	addr = map_and_fill(run);
	sm_unbind();
	program.addr = addr;
	if (migrate(run, &program) < 0)
		die("the call failed");
	result("in_swap", sm_swapped(0, addr, program.len), "pages");
	took = now(CLOCK_MONOTONIC);
	for (i = 0; i < program.len; i += sm_page)
		*(volatile char *)(addr + i);
	took = now(CLOCK_MONOTONIC) - took;
	result("insn_per_page",
	       (double)took / NS_PER_INSN / sm_pages(program.len), "insn");
	result("on_target", sm_on_node(0, addr, program.len, TARGET), "pages");
	munmap(addr, program.len);
}

/* Tracing */

static void trace(const char *file, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), TRACING "%s", file);
	if (sm_write(path, value))
		die("%s: cannot write \"%s\"", path, value);
}

static void trace_start(void)
{
	trace("current_tracer", "nop");
	trace("buffer_size_kb", "16384");
	trace("trace", "");
	trace("tracing_on", "1");
}

static void trace_stop(void)
{
	trace("tracing_on", "0");
	trace("events/enable", "0");
	trace("set_event_pid", "");
}

/* How often any task has come by @probe. */
static long hits(const char *probe)
{
	long nr = sm_read_key(TRACING "kprobe_profile", probe);

	if (nr < 0)
		die("no probe is called %s", probe);
	return nr;
}

static FILE *trace_open(void)
{
	FILE *f = fopen(TRACING "trace", "r");

	if (!f)
		die("no trace");
	return f;
}

static double trace_time(const char *line)
{
	const char *p = strstr(line, "] ");
	double seconds;

	if (!p || sscanf(p, "] %*s %lf:", &seconds) != 1)
		die("trace: %s", line);
	return seconds;
}

/* How long the call keeps the program waiting. */

static uint64_t longest_block(void)
{
	unsigned long long delay, longest = 0;
	FILE *f = trace_open();
	char line[256], *p;

	while (fgets(line, sizeof(line), f)) {
		p = strstr(line, "delay=");
		if (p && sscanf(p, "delay=%llu", &delay) == 1 && delay > longest)
			longest = delay;
	}
	fclose(f);
	trace("trace", "");
	return longest;
}

/*
 * The kernel tells how long a thread was blocked. That another thread has the CPU
 * is not counted: it would say how the scheduler slices time, and nothing about
 * the call.
 */
static void stall(const struct run *run)
{
	static const struct {
		enum activity activity;
		const char *wait, *share;
	} kinds[] = {
		{ MAP_A_PAGE, "stall_insn", "stall_share" },
		{ TOUCH_A_PAGE, "touch_insn", "touch_share" },
	};
	struct program program;
	uint64_t took, wait;
	char filter[32];
	int i;

	if (sm_set("/proc/sys/kernel/sched_schedstats", "1"))
		die("no schedstats");
	for (i = 0; i < 2; i++) {
		prepare_swap(run);
		program = start(run, kinds[i].activity, map_and_fill);
		snprintf(filter, sizeof(filter), "pid == %d", shared->thread);
		trace("events/sched/sched_stat_blocked/filter", filter);
		trace("events/sched/sched_stat_blocked/enable", "1");
		trace_start();
		took = now(CLOCK_MONOTONIC);
		if (migrate(run, &program) < 0)
			die("the call failed");
		took = now(CLOCK_MONOTONIC) - took;
		trace_stop();
		end(&program);
		wait = longest_block();
		result(kinds[i].wait, (double)wait / NS_PER_INSN, "insn");
		result(kinds[i].share, 100.0 * wait / took, "%");
		sm_swap_off();
	}
}

/* The target node has no room. */
static void full_target(const struct run *run)
{
	struct program program;
	pid_t filler;
	long ret;

	swap_on(run);
	program = start(run, REST, map_and_fill);
	filler = sm_fill_node(TARGET);
	if (filler < 0)
		die("cannot fill the target node");
	ret = migrate(run, &program);
	result("returned", ret, "pages");
	result("left_on_source", left_on_source(&program), "pages");
	sm_kill(filler);
	end(&program);
}

/* The program goes on to use a tenth of its memory: what does it take there? */
static void room(const struct run *run)
{
	struct program program = { .pid = getpid(), .len = run->mib * MIB };
	size_t i;

	prepare_swap(run);
	sm_bind(SOURCE);
	program.addr = map_and_fill(run);
	sm_unbind();
	if (migrate(run, &program) < 0)
		die("the call failed");
	for (i = 0; i < program.len / 10; i += sm_page)
		*(volatile char *)(program.addr + i);
	result("on_target", (double)sm_on_node(0, program.addr, program.len,
					       TARGET) * sm_page / MIB, "MiB");
	munmap(program.addr, program.len);
}

/* Hot and cold */

static long refaults(void)
{
	return sm_vmstat("swapmig_refault_hit") + sm_vmstat("swapmig_refault_miss");
}

/*
 * What the program touches all the time should move, and nothing else. What it has fetched
 * from swap since the call began is on the target as well, but did not move.
 */
static void hot(const struct run *run, enum activity activity)
{
	unsigned long touches;
	struct program program;
	long nr, moved, back;

	if (!knows(run->method))
		return;
	swap_on(run);
	program = start(run, activity, map_and_fill);
	send_others_ahead(&program);
	nr = pages_touched(activity, program.len);
	back = refaults();
	if (migrate(run, &program) < 0)
		die("the call failed");
	moved = sm_on_node(program.pid, program.addr, nr ? nr * sm_page : program.len, TARGET);
	moved -= refaults() - back;
	result("on_target", 100.0 * sm_on_node(program.pid, program.addr, program.len, TARGET) /
	       sm_pages(program.len), "%");
	result("left_on_source", left_on_source(&program), "pages");
	result("moved", moved, "pages");
	if (nr) {
		touches = shared->touches;
		while (shared->touches - touches < 2UL * nr)
			usleep(1000);
		result("hot_moved", 100.0 * moved / nr, "%");
		result("hot_faults", 100.0 * (refaults() - back) / nr, "%");
	}
	end(&program);
}

static void hot_tenth(const struct run *run) { hot(run, TOUCH_A_TENTH); }
static void hot_all(const struct run *run) { hot(run, TOUCH_ALL); }
static void hot_none(const struct run *run) { hot(run, REST); }

/*
 * What it costs to clear accessed bits: the CPU time of a caller that is killed in its window,
 * which is the rest of the call. The memory has just been filled; it looks cold afterwards.
 */
static void sample(const struct run *run)
{
	struct program program;
	uint64_t before, last;
	int until[2], none;
	clockid_t clock;
	pid_t caller;
	long moved;

	if (!knows(run->method))
		return;
	swap_on(run);
	program = start(run, REST, map_and_fill);
	send_others_ahead(&program);
	if (sm_set(SM_WINDOW, "10000") || pipe(until))
		die("no window");
	caller = sm_fork();
	if (!caller) {
		close(until[1]);
		if (!read(until[0], &none, sizeof(none)))
			migrate(run, &program);
		_exit(0);
	}
	usleep(1000);
	if (caller < 0 || clock_getcpuclockid(caller, &clock))
		die("no caller");
	before = now(clock);
	close(until[1]);
	do {
		last = now(clock);
		usleep(200 * 1000);
	} while (now(clock) > last + MS);
	result("insn_per_page", (double)(now(clock) - before) / NS_PER_INSN /
	       sm_pages(run->mib * MIB), "insn");
	sm_kill(caller);

	moved = sm_vmstat("swapmig_moved");
	if (sm_set(SM_WINDOW, "0") || migrate(run, &program) < 0 || sm_set(SM_WINDOW, "200"))
		die("the call failed");
	result("moved", sm_vmstat("swapmig_moved") - moved, "pages");
	end(&program);
}

/* Redis */

#define NR_GETS		20000		/* before the call, and after it */
#define MAX_GETS	(1 << 20)
static struct get {
	uint64_t at, took;		/* ns */
} *gets;
static long nr_gets;

static void get_some(long nr)
{
	struct redis_time time;

	while (nr--) {
		if (nr_gets == MAX_GETS)
			die("too many");
		if (redis_get(&time))
			die("no value, or a wrong one");
		gets[nr_gets].at = ns(time.asked);
		gets[nr_gets++].took = ns(time.answered) - ns(time.asked);
	}
}

static int longer(const void *one, const void *other)
{
	const struct get *a = one, *b = other;

	return (a->took > b->took) - (a->took < b->took);
}

/* Sorts them. */
static void tell_latencies(const char *phase, struct get *first, long nr)
{
	static const struct {
		const char *name;
		double part;
	} quantiles[] = { { "p50", 0.5 }, { "p99", 0.99 }, { "p99.9", 0.999 }, { "longest", 1 } };
	char metric[32];
	size_t i;

	qsort(first, nr, sizeof(*first), longer);
	for (i = 0; i < 4; i++) {
		snprintf(metric, sizeof(metric), "%s_%s", phase, quantiles[i].name);
		result(metric, first[(long)(quantiles[i].part * (nr - 1))].took / 1e3, "us");
	}
}

#define BIN_MS		20

/* For the plot: the longest of each bin of time, which is counted from the call on. */
static void tell_history(void)
{
	long i, bin, last = 0, ahead = (shared->began - gets[0].at) / MS;
	uint64_t longest = 0;
	char metric[32];

	for (i = 0; i < nr_gets; i++, last = bin) {
		bin = (gets[i].at - gets[0].at) / (BIN_MS * MS);
		if (bin != last) {
			snprintf(metric, sizeof(metric), "@%ld", last * BIN_MS - ahead);
			result(metric, longest / 1e3, "us");
			longest = 0;
		}
		if (gets[i].took > longest)
			longest = gets[i].took;
	}
}

/*
 * The call is made by another process on the only CPU. The server's text is read again,
 * onto the source node.
 */
static void redis(const struct run *run)
{
	struct program program;
	long before, during, moved, evicted;
	pid_t caller;
	int until[2];

	if (run->method != DIRECT && !knows(run->method))
		return;
	swap_on(run);
	gets = calloc(MAX_GETS, sizeof(*gets));
	nr_gets = 0;
	memset(shared, 0, sizeof(*shared));
	if (!gets || sm_write("/proc/sys/vm/drop_caches", "1"))
		die("cannot begin");
	program.pid = redis_start(run->mib * MIB);
	if (program.pid < 0 || pipe(until))
		die("no redis-server");
	result("on_source", (double)sm_mapped_on_node(program.pid, SOURCE) * sm_page / MIB, "MiB");
	moved = sm_vmstat("swapmig_moved");
	evicted = sm_vmstat("swapmig_evicted");
	caller = sm_fork();
	if (!caller) {
		close(until[1]);
		if (read(until[0], &before, sizeof(before)))
			die("told too early");
		shared->began = now(CLOCK_MONOTONIC);
		shared->returned = migrate(run, &program);
		shared->ended = now(CLOCK_MONOTONIC);
		shared->cpu_time = now(CLOCK_PROCESS_CPUTIME_ID);
		pause();	/* its end would take time */
	}
	get_some(NR_GETS / 10);
	nr_gets = 0;		/* all is warm */
	get_some(NR_GETS);
	close(until[1]);
	while (!shared->ended)
		get_some(1);
	if (shared->returned < 0)
		die("the call failed");
	get_some(NR_GETS);
	result("on_target", (double)sm_mapped_on_node(program.pid, TARGET) * sm_page / MIB, "MiB");
	result("returned", shared->returned, "pages");
	if (ours()) {
		result("moved", sm_vmstat("swapmig_moved") - moved, "pages");
		result("evicted", sm_vmstat("swapmig_evicted") - evicted, "pages");
	}
	sm_kill(caller);
	sm_kill(program.pid);

	tell_history();
	for (before = 0; gets[before].at + gets[before].took < shared->began; before++)
		;
	for (during = 0; gets[before + during].at < shared->ended; during++)
		;
	result("call", (double)(shared->ended - shared->began) / MS, "ms");
	result("call_cpu", (double)shared->cpu_time / MS, "ms");
	tell_latencies("before", gets, before);
	tell_latencies("during", gets + before, during);
	tell_latencies("after", gets + before + during, nr_gets - before - during);
	free(gets);
}

/* Counts */

/*
 * What a call does to others, from the kernel's own tracepoints: how often and how
 * long it holds mmap_lock, drains the LRU batches of all CPUs, and waits for
 * write-back. A worker may drain for it.
 */
static void counts(const struct run *run)
{
	long holds = 0, drains, waits = 0;
	double since = 0, longest = 0;
	struct program program;
	char line[512];
	char mm[32] = "", of[32];
	FILE *f;

	prepare_swap(run);
	program = start(run, REST, map_and_fill);

	trace("kprobe_events", "p:drain lru_add_drain_all");
	snprintf(line, sizeof(line), "%d", getpid());
	trace("set_event_pid", line);
	trace("events/mmap_lock/enable", "1");
	trace("events/kprobes/enable", "1");
	trace("events/writeback/folio_wait_writeback/enable", "1");
	trace_start();
	drains = hits("drain");
	if (migrate(run, &program) < 0)
		die("the call failed");
	drains = hits("drain") - drains;
	trace_stop();

	f = trace_open();
	while (fgets(line, sizeof(line), f)) {
		char *p = strstr(line, "mm=");

		if (*line == '#')
			continue;
		if (strstr(line, "folio_wait_writeback: "))
			waits++;
		if (!p || sscanf(p, "mm=%31s", of) != 1)
			continue;
		if (strstr(line, "mmap_lock_acquire_returned") &&
		    strstr(line, "success=true")) {
			since = trace_time(line);
			strcpy(mm, of);
			holds++;
		}
		if (strstr(line, "mmap_lock_released") && !strcmp(mm, of) &&
		    trace_time(line) - since > longest)
			longest = trace_time(line) - since;
	}
	fclose(f);
	trace("kprobe_events", "");
	trace("trace", "");
	end(&program);

	result("mmap_lock_holds", holds, "count");
	result("longest_hold_insn", longest * 1e9 / NS_PER_INSN, "insn");
	result("lru_drains", drains, "count");
	result("writeback_waits", waits, "count");
}

#define HINTS	(16 * MIB)

/*
 * What it costs to free swap slots while a process that was migrated has others, which
 * have refault nodes: instructions, and how often the lock of these is taken. That it is
 * taken for the slots of that process shows that it is counted.
 */
static void free_slots(const struct run *run)
{
	struct run migrated = { .method = run->method, .mib = HINTS / MIB };
	size_t len = run->mib * MIB;
	struct program program;
	long nr, of_others, locks;
	uint64_t took;
	char *addr;

	swap_on(run);
	program = start(&migrated, REST, map_and_fill);
	send_others_ahead(&program);
	if (migrate(&migrated, &program) < 0)
		die("the call failed");
	of_others = sm_swapped(program.pid, program.addr, program.len);
	addr = map_and_fill(run);
	if (sm_page_out(addr, len))
		die("cannot page out");
	nr = sm_swapped(0, addr, len);

	if (ours()) {
		trace("kprobe_events", "p:locks swapmig_refault_block_free");
		trace("events/kprobes/locks/enable", "1");
	}
	took = now(CLOCK_PROCESS_CPUTIME_ID);
	munmap(addr, len);
	took = now(CLOCK_PROCESS_CPUTIME_ID) - took;
	result("slots", nr, "count");
	result("insn_per_slot", (double)took / NS_PER_INSN / nr, "insn");
	locks = ours() ? hits("locks") : 0;
	end(&program);
	if (!ours())
		return;
	result("locks_per_slot", (double)locks / nr, "count");
	locks = hits("locks") - locks;
	result("locks_of_migrated", (double)locks / of_others, "count");
	trace("events/kprobes/locks/enable", "0");
	trace("kprobe_events", "");
}

static long tlb_shootdowns(void)
{
	FILE *f = fopen("/proc/interrupts", "r");
	long sum = 0, nr;
	char line[256], *p;
	int used;

	while (f && fgets(line, sizeof(line), f)) {
		p = strstr(line, "TLB:");
		if (!p)
			continue;
		for (p += 4; sscanf(p, "%ld%n", &nr, &used) == 1; p += used)
			sum += nr;
	}
	if (f)
		fclose(f);
	return sum;
}

/* Of the memory alone: the program's text, which others have, too, goes page by page. */
static void shootdowns(const struct run *run)
{
	struct program program;
	long nr;

	prepare_swap(run);
	program = start(run, THREADS_ON_ALL_CPUS, map_and_fill);
	send_others_ahead(&program);
	nr = tlb_shootdowns();
	if (migrate(run, &program) < 0)
		die("the call failed");
	nr = tlb_shootdowns() - nr;
	result("tlb_shootdowns", nr, "count");
	result("pages_per_shootdown",
	       (double)sm_pages(program.len) / (nr ? nr : 1), "pages");
	end(&program);
}

/*
 * One page in each 2 MiB is in a pipe, and cannot go. What it costs the rest, in work
 * and in waiting; a disk is waited for by the clock on the wall, so there only in work.
 */
static char *map_and_pin(const struct run *run)
{
	struct iovec vec = { .iov_len = sm_page };
	char *addr = map_and_fill(run);
	int ends[2];
	size_t i;

	if (pipe(ends) || fcntl(ends[1], F_SETPIPE_SZ, 256 * sm_page) < 0)
		die("pipe");
	for (i = 0; i < run->mib * MIB; i += SM_HUGE) {
		vec.iov_base = addr + i;
		if (vmsplice(ends[1], &vec, 1, 0) != (ssize_t)sm_page)
			die("vmsplice");
	}
	return addr;
}

static void measure_pinned(const struct run *run, char *(*fill_memory)(const struct run *),
			   uint64_t *work, uint64_t *time)
{
	struct program program;

	prepare_swap(run);
	program = start(run, REST, fill_memory);
	send_others_ahead(&program);
	*work = now(CLOCK_PROCESS_CPUTIME_ID);
	*time = now(CLOCK_MONOTONIC);
	if (migrate(run, &program) < 0)
		die("the call failed");
	*work = now(CLOCK_PROCESS_CPUTIME_ID) - *work;
	*time = now(CLOCK_MONOTONIC) - *time;
	result("left_on_source", left_on_source(&program), "pages");
	end(&program);
	sm_swap_off();
}

static void pinned(const struct run *run)
{
	uint64_t work, time, plain_work, plain_time;

	measure_pinned(run, map_and_fill, &plain_work, &plain_time);
	measure_pinned(run, map_and_pin, &work, &time);
	result("work", (double)work / plain_work, "1");
	if (run->method == DIRECT || run->dev == SM_ZRAM)
		result("time", (double)time / plain_time, "1");
}

/* Floors */

static bool cpu_has(const char *flag)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	bool has = false;
	char line[4096];

	while (f && !has && fgets(line, sizeof(line), f))
		has = !strncmp(line, "flags", 5) && strstr(line, flag);
	if (f)
		fclose(f);
	return has;
}

/*
 * The kernel's own code, cut from its image by scripts/bench.sh. It begins with a
 * jump to a copy by registers, which the kernel removes where the CPU is said to be
 * good at string instructions.
 */
static void copy(const struct run *run)
{
	size_t i, len = run->mib * MIB;
	void (*copy_page)(void *to, const void *from);
	int fd = open("copy_page", O_RDONLY);
	unsigned char *code;
	char *from, *to;
	uint64_t took;

	code = mmap(NULL, sm_page, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
	if (code == MAP_FAILED)
		die("copy_page");
	close(fd);
	if (cpu_has(" rep_good "))
		code += *code == 0xeb ? 2 : *code == 0xe9 ? 5 : 0;
	copy_page = (void (*)(void *, const void *))code;
	from = map_and_fill(run);
	to = map_and_fill(run);
	took = now(CLOCK_MONOTONIC);
	for (i = 0; i < len; i += sm_page)
		copy_page(to + i, from + i);
	took = now(CLOCK_MONOTONIC) - took;
	if (memcmp(from, to, len))
		die("not copied");
	result("insn_per_page", (double)took / NS_PER_INSN / sm_pages(len), "insn");
	munmap(from, len);
	munmap(to, len);
}

/* Write the program's data to @device, past the page cache; returns ns. */
static uint64_t write_device(const char *device, const char *data, size_t len)
{
	int fd = open(device, O_WRONLY | O_DIRECT);
	uint64_t took;
	size_t i;

	if (fd < 0)
		die("%s", device);
	took = now(CLOCK_MONOTONIC);
	for (i = 0; i < len; i += MIB)
		if (pwrite(fd, data + i, MIB, i) != (ssize_t)MIB)
			die("write %s", device);
	if (fsync(fd))
		die("fsync %s", device);
	took = now(CLOCK_MONOTONIC) - took;
	close(fd);
	return took;
}

static void zram_write(const struct run *run)
{
	size_t len = run->mib * MIB;
	char device[32], size[32];
	char *data;
	long id = sm_read_long("/sys/class/zram-control/hot_add");

	snprintf(size, sizeof(size), "%zu", len);
	snprintf(device, sizeof(device), "/sys/block/zram%ld/disksize", id);
	if (id < 0 || sm_write(device, size))
		die("no zram");
	snprintf(device, sizeof(device), "/dev/zram%ld", id);
	data = map_and_fill(run);
	result("insn_per_page", (double)write_device(device, data, len) /
	       NS_PER_INSN / sm_pages(len), "insn");
	munmap(data, len);
	snprintf(size, sizeof(size), "%ld", id);
	sm_write("/sys/class/zram-control/hot_remove", size);
}

static void disk_bandwidth(const struct run *run)
{
	struct program program;
	uint64_t plain, took;
	char *data = map_and_fill(run);

	plain = write_device(getenv("SWAPMIG_DISK"), data, run->mib * MIB);
	munmap(data, run->mib * MIB);

	prepare_swap(run);
	program = start(run, REST, map_and_fill);
	took = now(CLOCK_MONOTONIC);
	if (migrate(run, &program) < 0)
		die("the call failed");
	took = now(CLOCK_MONOTONIC) - took;
	result("left_on_source", left_on_source(&program), "pages");
	result("plain_write", run->mib * 1e9 / plain, "MiB/s");
	result("eviction", run->mib * 1e9 / took, "MiB/s");
	result("ratio", (double)plain / took, "1");
	end(&program);
}

/* Odd address spaces */

#define NR_VMAS		100000
#define NR_THREADS	4096
#define NR_CLUSTERS	16

/* A hundred thousand areas of one page: neighbours differ in protection. */
static char *map_many_vmas(const struct run *run)
{
	size_t i, len = NR_VMAS * sm_page;
	char *addr = sm_map(len);

	(void)run;
	if (!addr)
		die("no memory");
	fill(addr, len);
	for (i = 0; i < NR_VMAS; i += 2)
		if (mprotect(addr + i * sm_page, sm_page, PROT_READ))
			die("mprotect");
	return addr;
}

/* A tebibyte of addresses with a few clusters of pages. */
static char *map_sparse(const struct run *run)
{
	size_t i, part = run->mib * MIB / NR_CLUSTERS;
	char *addr = mmap(NULL, 1024 * GIB, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (addr == MAP_FAILED)
		die("no address space");
	madvise(addr, 1024 * GIB, MADV_NOHUGEPAGE);
	for (i = 0; i < NR_CLUSTERS; i++)
		fill(addr + i * (1024 * GIB / NR_CLUSTERS), part);
	return addr;
}

static void *sleep_on(void *unused)
{
	(void)unused;
	while (!shared->stop)
		pause();
	return NULL;
}

static char *map_with_threads(const struct run *run)
{
	pthread_attr_t attr;
	pthread_t thread;
	int i;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 * 1024);
	for (i = 0; i < NR_THREADS; i++)
		if (pthread_create(&thread, &attr, sleep_on, NULL))
			die("pthread_create");
	return map_and_fill(run);
}

static void odd(const struct run *run, char *(*fill_memory)(const struct run *))
{
	struct program program;
	struct rlimit limit = { 3 * NR_THREADS, 3 * NR_THREADS };

	setrlimit(RLIMIT_NPROC, &limit);
	if (sm_set("/proc/sys/vm/max_map_count", "1000000") ||
	    sm_set("/proc/sys/kernel/threads-max", "20000") ||
	    sm_set("/proc/sys/kernel/pid_max", "32768"))
		die("limits");
	prepare_swap(run);
	program = start(run, REST, fill_memory);
	measure_call(run, &program, sm_mapped_on_node(program.pid, SOURCE));
	result("left_on_source", sm_mapped_on_node(program.pid, SOURCE), "pages");
	end(&program);
}

static void many_vmas(const struct run *run) { odd(run, map_many_vmas); }
static void sparse(const struct run *run) { odd(run, map_sparse); }
static void threads(const struct run *run) { odd(run, map_with_threads); }

/* The cases */

static const struct kind {
	const char *name;
	const char *machine;
	void (*measure)(const struct run *run);
	enum method method;
	enum sm_dev dev;
	int sizes[3];		/* MiB */
	bool huge;		/* with huge pages, too */
} kinds[] = {
	{ "copy", "icount", copy, DIRECT, 0, { 64 } },
	{ "zram_write", "icount", zram_write, DIRECT, 0, { 64 } },
	{ "direct", "icount", cost, DIRECT, 0, { 16, 64, 256 }, true },
	{ "direct_file_ext4", "icount", cost_ext4, DIRECT, 0, { 16, 64 } },
	{ "direct_file_tmpfs", "icount", cost_tmpfs, DIRECT, 0, { 16, 64, 256 } },
	{ "swap_zram", "icount", cost, SWAP, SM_ZRAM, { 16, 64, 256 }, true },
	{ "swap_disk", "icount", cost, SWAP, SM_DISK, { 16, 64, 256 }, true },
	{ "refault", "icount", refault, SWAP, SM_ZRAM, { 16, 64, 256 }, true },
	{ "stall_direct", "icount", stall, DIRECT, 0, { 16, 64, 256 }, true },
	{ "stall_swap", "icount", stall, SWAP, SM_ZRAM, { 16, 64, 256 }, true },
	{ "full_target", "icount", full_target, DIRECT, SM_ZRAM, { 64 } },
	{ "full_target_swap", "icount", full_target, SWAP, SM_ZRAM, { 64 } },
	{ "room_direct", "icount", room, DIRECT, SM_ZRAM, { 256 } },
	{ "room_swap", "icount", room, SWAP, SM_ZRAM, { 256 } },
	{ "hot_tenth", "icount", hot_tenth, AUTO, SM_ZRAM, { 256 }, true },
	{ "hot_all", "icount", hot_all, AUTO, SM_ZRAM, { 256 } },
	{ "hot_none", "icount", hot_none, AUTO, SM_ZRAM, { 256 } },
	{ "sample", "icount", sample, AUTO, SM_ZRAM, { 256 } },
	{ "redis_direct", "icount", redis, DIRECT, SM_ZRAM, { 45 } },
	{ "redis_swap", "icount", redis, SWAP, SM_ZRAM, { 45 } },
	{ "redis_auto", "icount", redis, AUTO, SM_ZRAM, { 45 } },
	{ "counts_direct", "icount", counts, DIRECT, 0, { 64 }, true },
	{ "counts_swap", "icount", counts, SWAP, SM_ZRAM, { 64 }, true },
	{ "counts_disk", "icount", counts, SWAP, SM_DISK, { 64 } },
	{ "pinned_direct", "icount", pinned, DIRECT, 0, { 64 } },
	{ "pinned_swap", "icount", pinned, SWAP, SM_ZRAM, { 64 } },
	{ "pinned_disk", "icount", pinned, SWAP, SM_DISK, { 64 } },
	{ "free_slots", "icount", free_slots, SWAP, SM_ZRAM, { 64 } },
	{ "free_slots_disk", "icount", free_slots, SWAP, SM_DISK, { 64 } },
	{ "vmas_direct", "icount", many_vmas, DIRECT, 0, { 391 } },
	{ "vmas_swap", "icount", many_vmas, SWAP, SM_ZRAM, { 391 } },
	{ "sparse_direct", "icount", sparse, DIRECT, 0, { 64 } },
	{ "sparse_swap", "icount", sparse, SWAP, SM_ZRAM, { 64 } },
	{ "threads_direct", "icount", threads, DIRECT, 0, { 64 } },
	{ "threads_swap", "icount", threads, SWAP, SM_ZRAM, { 64 } },
	{ "shootdowns_direct", "smp", shootdowns, DIRECT, 0, { 64 } },
	{ "shootdowns_swap", "smp", shootdowns, SWAP, SM_ZRAM, { 64 } },
	{ "disk_bandwidth", "disk", disk_bandwidth, SWAP, SM_DISK, { 128 } },
};

/* Run the case @want, or list all if that is NULL. */
static bool for_each_case(const char *want)
{
	const struct kind *kind;
	char name[64];
	int i, huge;

	for (kind = kinds; kind < kinds + sizeof(kinds) / sizeof(*kinds); kind++) {
		for (huge = 0; huge <= kind->huge; huge++) {
			for (i = 0; i < 3 && kind->sizes[i]; i++) {
				struct run run = {
					.method = kind->method,
					.dev = kind->dev,
					.mib = kind->sizes[i],
					.huge = huge,
				};

				snprintf(name, sizeof(name), "%s%s_%dM",
					 kind->name, huge ? "_huge" : "",
					 kind->sizes[i]);
				if (!want) {
					printf("%s %s\n", name, kind->machine);
				} else if (!strcmp(want, name)) {
					case_name = name;
					kind->measure(&run);
					sm_cleanup();
					return true;
				}
			}
		}
	}
	return !want;
}

int main(int argc, char **argv)
{
	int i;

	if (argc == 2 && !strcmp(argv[1], "list"))
		return !for_each_case(NULL);
	shared = sm_map_fd(-1, sm_page, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS);
	for (i = 1; i < argc; i++) {
		case_name = argv[i];
		if (!for_each_case(argv[i]))
			die("no such case");
	}
	return argc < 2;
}
