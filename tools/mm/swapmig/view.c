// SPDX-License-Identifier: GPL-2.0-only
/*
 * "swapmig watch": what there is to see.
 */
#include <err.h>
#include <unistd.h>

#include "swapmig.h"

/* The kernel walks page tables for this: it is done when there is a reason to. */
void view_residency(struct view *view)
{
	if (view->pid && !view->gone)
		view->error = maps_read(view->pid, &view->residency);
}

/* All that the kernel has at hand. */
void view_read(struct view *view)
{
	view->nr_nodes = nodes_memory(view->nodes, MAX_NODES);
	view->has_swap = swap_memory(&view->swap);
	view->has_counters = counters_read(view->counters);
	path_read(view->path);
	view->window_ms = window_read();
	if (!view->pid || view->gone)
		return;
	view->gone = !process_name(view->pid, view->name) ||
		     !process_memory(view->pid, &view->resident, &view->in_swap);
}

int watch(pid_t pid, bool once, bool as_json, double interval)
{
	static struct view view;

	view.pid = pid;
	view_read(&view);
	if (view.gone)
		errx(EXIT_REFUSED, "no process has the ID %d", pid);
	view_residency(&view);
	if (!as_json && !once && isatty(STDOUT_FILENO))
		return screen_run(&view, interval);
	if (as_json)
		json_print(&view);
	else
		text_print(&view);
	if (fflush(stdout))
		err(EXIT_REFUSED, "stdout");
	return 0;
}
