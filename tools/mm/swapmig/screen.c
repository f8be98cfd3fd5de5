// SPDX-License-Identifier: GPL-2.0-only
/*
 * "swapmig watch" on a terminal: bars, calls and counters, drawn again and again from what
 * costs the kernel nothing.
 */
#include <err.h>
#include <ncurses.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "swapmig.h"

#define CALLS		64
#define BAR		32
#define TICK_MS		100

enum { PLAIN, USED, IN_SWAP, BAD };

/* The latest calls, the oldest first; those that have ended give way to new ones. */
static struct call calls[CALLS];
static int nr_calls;

static struct call *find_call(const struct event *event)
{
	for (int i = nr_calls; i-- > 0;)
		if (!calls[i].ended && calls[i].begin.caller == event->caller &&
		    !strcmp(calls[i].begin.mm, event->mm))
			return &calls[i];
	return NULL;
}

static struct call *new_call(void)
{
	int i = 0;

	if (nr_calls == CALLS) {
		while (i < CALLS - 1 && !calls[i].ended)
			i++;
		nr_calls--;
		memmove(&calls[i], &calls[i + 1], (nr_calls - i) * sizeof(*calls));
	}
	memset(&calls[nr_calls], 0, sizeof(*calls));
	return &calls[nr_calls++];
}

/* Returns whether a call for the process that is watched has ended. */
static bool read_calls(struct view *view)
{
	bool ended = false;
	struct event event;

	while (trace_next(&event)) {
		struct call *call = event.type == EVENT_BEGIN ? new_call() : find_call(&event);
		unsigned long evicted, moved;

		if (!call)
			continue;
		if (event.type == EVENT_BEGIN) {
			call_event(call, &event);
			process_name(event.pid, call->name);
			process_name(event.caller, call->caller_name);
			name_printable(call->name);
			name_printable(call->caller_name);
			continue;
		}
		evicted = call->evicted;
		moved = call->moved;
		call_event(call, &event);
		if (call->begin.pid != view->pid)
			continue;
		maps_left(&view->residency, &call->begin, call->evicted - evicted,
			  call->moved - moved);
		ended |= event.type == EVENT_END;
	}
	return ended;
}

/*
 * How many pages a call has before it: asked once, and only of a call that takes its time.
 * What it has done by then is no longer on its source nodes.
 */
static void ask_pages(struct call *call)
{
	static struct residency residency;

	if (call->asked || call->ended || !call->begin.pid)
		return;
	call->asked = true;
	if (!maps_read(call->begin.pid, &residency))
		call->pages = call_done(call) +
			      maps_to_go(&residency, &call->begin.from, &call->begin.to,
					 call->begin.path);
}

/* A line ends at the edge of the screen. */
GCC_PRINTFLIKE(3, 4)
static void put(int row, int column, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	mvaddnstr(row, column, text, COLS > column ? COLS - column : 0);
}

static void draw_bar(int row, const char *label, unsigned long part, unsigned long whole,
		     int colour)
{
	char bar[BAR + 1];

	bar_text(bar, BAR, part, whole);
	put(row, 2, "%s", label);
	attron(COLOR_PAIR(colour));
	put(row, 16, "%s", bar);
	attroff(COLOR_PAIR(colour));
	put(row, 16 + BAR, " %10.1f MiB %3.0f %%", mib(part), whole ? 100.0 * part / whole : 0.0);
}

static int draw_machine(const struct view *view, int row)
{
	char label[32];

	put(row++, 0, "Memory in use");
	for (int i = 0; i < view->nr_nodes; i++) {
		const struct node_memory *node = &view->nodes[i];

		snprintf(label, sizeof(label), "node %d", node->node);
		draw_bar(row++, label, node->total - node->free, node->total, USED);
	}
	if (view->has_swap)
		draw_bar(row++, "swap", view->swap.total - view->swap.free, view->swap.total,
			 IN_SWAP);
	else
		put(row++, 2, "no swap");
	return row + 1;
}

static int draw_process(const struct view *view, int row)
{
	const struct residency *r = &view->residency;
	unsigned long whole = 0, told = 0;
	char label[32];

	if (view->gone) {
		put(row++, 0, "Process %d has ended", view->pid);
		return row + 1;
	}
	for (int node = 0; node < MAX_NODES; node++) {
		whole += r->on[node];
		told += r->refault[node];
	}
	whole += view->in_swap > told ? view->in_swap : told;
	put(row++, 0, "Process %d (%s): %.1f MiB in memory, %.1f MiB in swap", view->pid,
	    view->name, mib(view->resident), mib(view->in_swap));
	if (view->error)
		put(row++, 2, "its nodes: %s", strerror(-view->error));
	for (int node = 0; node < MAX_NODES; node++) {
		if (!r->on[node])
			continue;
		snprintf(label, sizeof(label), "node %d", node);
		draw_bar(row++, label, r->on[node], whole, USED);
	}
	/* the rest comes back wherever it is touched, or the kernel does not tell */
	if (view->in_swap > told)
		draw_bar(row++, "swap", view->in_swap - told, whole, IN_SWAP);
	for (int node = 0; node < MAX_NODES; node++) {
		if (!r->refault[node])
			continue;
		snprintf(label, sizeof(label), "swap, for %d", node);
		draw_bar(row++, label, r->refault[node], whole, IN_SWAP);
	}
	return row + 1;
}

static void draw_call(const struct call *call, int *row)
{
	char from[NODES_TEXT], to[NODES_TEXT], label[32];
	const char *reasons = call->reasons;
	double left = call_seconds_left(call);
	char name[NAME_LEN], until[32] = "";
	unsigned long pages;

	put((*row)++, 2, "%d (%s), nodes %s to %s, path %s, by %d (%s)", call->begin.pid,
	    call->name, nodes_text(&call->begin.from, from),
	    nodes_text(&call->begin.to, to), call->begin.path, call->begin.caller,
	    call->caller_name);
	if (!call->ended && call->pages) {
		snprintf(label, sizeof(label), call->sampling ? "  sampling" : "  under way");
		draw_bar((*row)++, label, call_done(call), call->pages, PLAIN);
	}
	if (!call->ended && left >= 0)
		snprintf(until, sizeof(until), ", %.0f s left", left);
	put((*row)++, 4, "%s: to swap %lu, moved %lu, stayed %lu, %.1f s, %.1f MiB/s%s",
	    call->ended ? "ended" : "so far", call->evicted, call->moved, call->failed,
	    (call->ended ? call->ended : now()) - call->since, mib(call_rate(call)), until);
	attron(COLOR_PAIR(BAD));
	while (reason_next(&reasons, name, &pages))
		put((*row)++, 4, "stayed, %s: %lu", name, pages);
	attroff(COLOR_PAIR(BAD));
}

static void draw_calls(int row, const char *why)
{
	put(row++, 0, "Calls, the latest first");
	if (why)
		put(row++, 2, "not shown: %s", why);
	else if (!nr_calls)
		put(row++, 2, "none yet");
	/* those under way before those that have ended */
	for (int ended = 0; ended < 2; ended++) {
		for (int i = nr_calls; i-- > 0 && row < LINES;) {
			if (!calls[i].ended == !ended)
				draw_call(&calls[i], &row);
		}
	}
}

static int draw_counters(const struct view *view, int row,
			 const unsigned long long before[NR_COUNTERS], double seconds)
{
	if (!view->has_counters) {
		put(row, 0, "This kernel has no swap migration");
		return row + 2;
	}
	put(row++, 0, "Path %s, window %ld ms", view->path, view->window_ms);
	for (int i = 0; i < NR_COUNTERS; i++) {
		char rate[32] = "";

		if (view->counters[i] != before[i] && seconds > 0)
			snprintf(rate, sizeof(rate), "%+.0f/s",
				 (view->counters[i] - before[i]) / seconds);
		put(row + i / 2, i % 2 * 40, "%-12s %12llu %s", counter_names[i],
		    view->counters[i], rate);
	}
	return row + 2 + NR_COUNTERS / 2;
}

static void draw(const struct view *view, const char *why,
		 const unsigned long long before[NR_COUNTERS], double seconds)
{
	int row = 0;

	erase();
	attron(A_REVERSE);
	put(row++, 0, "%-*s", COLS, " swapmig    q: quit    r: read again where the process is");
	attroff(A_REVERSE);
	row = draw_counters(view, row, before, seconds);
	row = draw_machine(view, row);
	if (view->pid)
		row = draw_process(view, row);
	draw_calls(row, why);
	refresh();
}

/* Returns whether a key asks us to quit, and in @again whether 'r' asks for that. */
static bool read_keys(bool *again, bool *early)
{
	int key;

	while ((key = getch()) != ERR) {
		if (key == 'q' || key == 'Q')
			return true;
		*again |= key == 'r' || key == 'R';
		*early |= *again || key == KEY_RESIZE;
	}
	return false;
}

/*
 * Wait for a key or a signal, and drain the trace. Returns a signal, -1 to quit, or 0. In
 * @again is whether there is a reason to read where the process is.
 */
static int wait_until(double when, int signals, struct view *view, bool *again)
{
	struct pollfd fds[] = {
		/* What is no terminal, such as /dev/null, has no keys and is always ready. */
		{ .fd = isatty(STDIN_FILENO) ? STDIN_FILENO : -1, .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
	};
	bool ended = false, early = false;
	int number;

	while (!early && now() < when) {
		poll(fds, 2, TICK_MS);
		ended |= read_calls(view);
		number = signals_read(signals);
		if (number)
			return number;
		if (fds[0].revents & (POLLHUP | POLLERR) || read_keys(again, &early))
			return -1;
	}
	*again |= ended;
	return 0;
}

static void clean_up(void)
{
	if (!isendwin())
		endwin();
	trace_close();
}

static void set_up(void)
{
	if (!newterm(NULL, stdout, stdin))
		errx(EXIT_REFUSED, "nothing is known of the terminal TERM=%s: try --once",
		     getenv("TERM") ? getenv("TERM") : "");
	atexit(clean_up);
	cbreak();
	noecho();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	curs_set(0);
	if (has_colors()) {
		start_color();
		use_default_colors();
		init_pair(USED, COLOR_GREEN, -1);
		init_pair(IN_SWAP, COLOR_BLUE, -1);
		init_pair(BAD, COLOR_RED, -1);
	}
}

int screen_run(struct view *view, double interval)
{
	unsigned long long before[NR_COUNTERS];
	int signals = signals_open(), end = 0;
	const char *why;
	double last;

	set_up();
	why = trace_open(0);
	memcpy(before, view->counters, sizeof(before));
	last = now();
	while (!end) {
		bool again = false;
		double time = now();

		name_printable(view->name);
		draw(view, why, before, time - last);
		memcpy(before, view->counters, sizeof(before));
		last = time;
		end = wait_until(time + interval, signals, view, &again);
		for (int i = 0; i < nr_calls; i++)
			ask_pages(&calls[i]);
		view_read(view);
		if (again)
			view_residency(view);
	}
	clean_up();
	return end > 0 ? 128 + end : 0;
}
