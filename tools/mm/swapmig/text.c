// SPDX-License-Identifier: GPL-2.0-only
/*
 * "swapmig watch", once, for a reader or a script.
 */
#include <string.h>

#include "swapmig.h"

static void print_process(const struct view *view)
{
	const struct residency *r = &view->residency;

	printf("process %d (%s)\n", view->pid, view->name);
	if (view->error)
		printf("  nodes: %s\n", strerror(-view->error));
	for (int node = 0; !view->error && node < MAX_NODES; node++)
		if (r->on[node])
			printf("  node %-4d %10lu pages %10.1f MiB\n", node, r->on[node],
			       mib(r->on[node]));
	printf("  swap      %10lu pages %10.1f MiB\n", view->in_swap, mib(view->in_swap));
	for (int node = 0; node < MAX_NODES; node++)
		if (r->refault[node])
			printf("    to node %-2d %8lu pages %8.1f MiB\n", node, r->refault[node],
			       mib(r->refault[node]));
}

void text_print(struct view *view)
{
	name_printable(view->name);
	printf("machine\n");
	for (int i = 0; i < view->nr_nodes; i++)
		printf("  node %-4d %10.1f of %.1f MiB used\n", view->nodes[i].node,
		       mib(view->nodes[i].total - view->nodes[i].free), mib(view->nodes[i].total));
	if (view->has_swap)
		printf("  swap      %10.1f of %.1f MiB used\n",
		       mib(view->swap.total - view->swap.free), mib(view->swap.total));
	else
		printf("  swap            none\n");
	if (view->pid)
		print_process(view);
	if (!view->has_counters) {
		printf("this kernel has no swap migration\n");
		return;
	}
	printf("path %s, window %ld ms\n", view->path, view->window_ms);
	for (int i = 0; i < NR_COUNTERS; i++)
		printf("  %-12s %10llu pages\n", counter_names[i], view->counters[i]);
}
