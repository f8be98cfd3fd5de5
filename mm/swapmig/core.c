// SPDX-License-Identifier: GPL-2.0
/*
 * Swap migration: the life of one call of do_migrate_pages().
 */
#include <linux/mempolicy.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/swap.h>

#include "../internal.h"
#include "swapmig.h"

/* Passes over the target for pages that could not be taken the first time. */
#define MAX_PASSES	3

/* Give the folios on @folios back to the LRU; they stay where they are. */
static void leave(struct swapmig_call *call, struct list_head *folios)
{
	struct folio *folio, *next;

	list_for_each_entry_safe(folio, next, folios, lru) {
		list_del(&folio->lru);
		call->nr_failed += folio_nr_pages(folio);
		folio_putback_lru(folio);
	}
}

/* Returns false if there is no point in another pass. */
static bool migrate_pass(struct swapmig_call *call)
{
	int more;

	call->next = 0;
	call->nr_evicted = 0;
	call->nr_busy = 0;
	call->nr_failed = 0;

	do {
		struct swapmig_chunk chunk = {
			.folios = LIST_HEAD_INIT(chunk.folios),
			.unevictable = LIST_HEAD_INIT(chunk.unevictable),
		};

		more = swapmig_walk(call, &chunk);
		swapmig_evict(call, &chunk.folios);
		leave(call, &chunk.unevictable);
		leave(call, &call->left);
		cond_resched();
	} while (more > 0 && !fatal_signal_pending(current));

	swapmig_evict_finish(call);
	leave(call, &call->left);

	call->nr_failed += call->nr_busy;
	return !more && call->nr_failed && (call->nr_evicted || call->nr_busy);
}

static void migrate(struct swapmig_call *call)
{
	int pass = 0;

	do {
		/* Pages on their way to the LRU cannot be isolated: send them on. */
		lru_add_drain_all();
	} while (migrate_pass(call) && ++pass < MAX_PASSES);

	swapmig_count_failed(call->nr_failed);
}

/**
 * do_migrate_pages - take a process's pages off a set of nodes
 * @mm: the target's address space; a reference as mmgrab() takes it is enough
 * @from: source nodes
 * @to: target nodes
 * @flags: MPOL_MF_MOVE for pages that only the target maps, MPOL_MF_MOVE_ALL for
 *	shared ones too
 *
 * Every page of the target on a node of @from that is not in @to is evicted: to
 * swap, or dropped if it is a clean page of a file.  It comes back when it is
 * next touched.  References do not protect a page, and a page whose write-back
 * takes time is waited for: when the call returns, its frame is free.  Policies
 * are not modified.
 *
 * mmap_lock is held for reading, for no more than SWAPMIG_CHUNK_PAGES pages at a
 * time, and never while anything is written or waited for.  The call ends early
 * if the caller is killed or the target exits.
 *
 * This is the engine of migrate_pages(2) and of cpuset memory migration.
 *
 * Context: process context, sleeps; no locks held.
 * Return: the number of base pages that had to be left where they are, or
 * -ENOMEM.
 */
int do_migrate_pages(struct mm_struct *mm, const nodemask_t *from,
		     const nodemask_t *to, int flags)
{
	unsigned long nr_failed;
	struct swapmig_call *call;
	int i;

	call = kzalloc(sizeof(*call), GFP_KERNEL);
	if (!call)
		return -ENOMEM;

	call->mm = mm;
	call->shared = flags & MPOL_MF_MOVE_ALL;
	INIT_LIST_HEAD(&call->left);
	for (i = 0; i < SWAPMIG_IN_FLIGHT; i++)
		INIT_LIST_HEAD(&call->in_flight[i]);

	swapmig_nodemap_init(&call->map, from, to);
	if (!nodes_empty(call->map.sources))
		migrate(call);

	nr_failed = call->nr_failed;
	kfree(call);
	return min_t(unsigned long, nr_failed, INT_MAX);
}
