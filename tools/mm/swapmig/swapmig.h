/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * swapmig: watch and start swap migrations.
 *
 *	main.c		the command line
 *	nodes.c		sets of nodes, and the memory of nodes
 *	maps.c		where the memory of a process is
 *	kernel.c	counters and settings
 *	trace.c		what the tracepoints say
 *	calls.c		the calls that they tell of
 *	signals.c	what ends us
 *	move.c		"swapmig move"
 *	view.c		"swapmig watch": what there is to see,
 *	text.c		once, for a reader,
 *	json.c		for a program,
 *	screen.c	and all the time, on a terminal
 *
 * All figures are in base pages.
 */
#ifndef SWAPMIG_H
#define SWAPMIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

/* Exit statuses. An interrupted command ends with 128 plus the signal, as a shell says it. */
#define EXIT_REFUSED	1
#define EXIT_USAGE	2
#define EXIT_LEFT	3

/* As many as a kernel can be configured for. */
#define MAX_NODES	1024
#define NODE_LONGS	(MAX_NODES / (8 * sizeof(long)))
#define NODES_TEXT	256
#define NAME_LEN	64

struct nodes {
	unsigned long bits[NODE_LONGS];
};

bool nodes_have(const struct nodes *nodes, int node);
int nodes_count(const struct nodes *nodes);
bool nodes_parse(const char *text, bool any, struct nodes *nodes);
bool nodes_from_hex(const char *text, struct nodes *nodes);
const char *nodes_text(const struct nodes *nodes, char text[NODES_TEXT]);
int nodes_target(const struct nodes *from, const struct nodes *to, int node);
bool nodes_leaves(const struct nodes *from, const struct nodes *to, const char *path, int node);

struct node_memory {
	int node;
	unsigned long total;
	unsigned long free;
};

int nodes_memory(struct node_memory *list, int max);
bool swap_memory(struct node_memory *swap);

/* Where the memory of a process is. */
struct residency {
	unsigned long on[MAX_NODES];
	/* what is in swap, by refault node, if this kernel tells it */
	unsigned long refault[MAX_NODES];
	bool tells_refault;
};

int maps_read(pid_t pid, struct residency *residency);
unsigned long maps_to_go(const struct residency *residency, const struct nodes *from,
			 const struct nodes *to, const char *path);
bool process_name(pid_t pid, char name[NAME_LEN]);
void name_printable(char *name);
bool process_memory(pid_t pid, unsigned long *resident, unsigned long *in_swap);

enum counter { EVICTED, MOVED, FAILED, REFAULT_HIT, REFAULT_MISS, NR_COUNTERS };

extern const char * const counter_names[NR_COUNTERS];

bool counters_read(unsigned long long counters[NR_COUNTERS]);

#define PATH_FILE	"/sys/kernel/mm/swapmig/path"
#define WINDOW_FILE	"/sys/kernel/mm/swapmig/window_ms"
#define PATH_NAME	16

bool path_is_name(const char *name);
bool path_read(char name[PATH_NAME]);
int path_choose(const char *name);
void path_restore(void);
long window_read(void);

unsigned long page_kib(void);
double mib(unsigned long pages);
double now(void);

#define REASONS_LEN	256

enum event_type { EVENT_BEGIN, EVENT_SAMPLE, EVENT_PROGRESS, EVENT_END, NR_EVENTS };

struct event {
	enum event_type type;
	pid_t caller;
	char mm[32];
	/* of EVENT_BEGIN */
	pid_t pid;
	struct nodes from;
	struct nodes to;
	char path[PATH_NAME];
	/* of EVENT_SAMPLE */
	unsigned long window_ms;
	/* of EVENT_PROGRESS and EVENT_END */
	unsigned long evicted;
	unsigned long moved;
	unsigned long failed;
	char reasons[REASONS_LEN];
};

void maps_left(struct residency *residency, const struct event *call, unsigned long evicted,
	       unsigned long moved);
const char *trace_open(pid_t caller);
bool trace_next(struct event *event);
void trace_close(void);

int signals_open(void);
int signals_read(int fd);

struct call {
	struct event begin;
	char name[NAME_LEN];
	char caller_name[NAME_LEN];
	unsigned long evicted;
	unsigned long moved;
	unsigned long failed;
	char reasons[REASONS_LEN];
	/* pages in all, 0 as long as it is not known */
	unsigned long pages;
	bool asked;
	bool sampling;
	double since;
	double ended;
};

unsigned long call_done(const struct call *call);
void call_event(struct call *call, const struct event *event);
double call_rate(const struct call *call);
double call_seconds_left(const struct call *call);
bool reason_next(const char **reasons, char name[NAME_LEN], unsigned long *pages);
void bar_text(char *text, int width, unsigned long part, unsigned long whole);

int migrate(const char *path, pid_t pid, const struct nodes *from, const struct nodes *to);

struct view {
	pid_t pid;			/* 0: no process */
	char name[NAME_LEN];
	struct residency residency;
	int error;			/* of reading it, or 0 */
	bool gone;
	unsigned long resident;
	unsigned long in_swap;

	struct node_memory nodes[MAX_NODES];
	int nr_nodes;
	struct node_memory swap;
	bool has_swap;

	bool has_counters;
	unsigned long long counters[NR_COUNTERS];
	char path[PATH_NAME];
	long window_ms;
};

void view_residency(struct view *view);
void view_read(struct view *view);
int watch(pid_t pid, bool once, bool as_json, double interval);
void text_print(struct view *view);
void json_print(const struct view *view);
int screen_run(struct view *view, double interval);

#endif
