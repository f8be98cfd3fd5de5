// SPDX-License-Identifier: GPL-2.0
/*
 * Swap migration: the life of one call of do_migrate_pages().
 */
#include <linux/hugetlb.h>
#include <linux/mempolicy.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <trace/events/swapmig.h>

#include "../internal.h"
#include "swapmig.h"

/* Passes over the target for pages that could not be taken the first time. */
#define MAX_PASSES	3

/* Give the folios on @folios back to the LRU; they stay where they are. */
static void leave(struct swapmig_call *call, struct list_head *folios)
{
	struct folio *folio, *next;

	list_for_each_entry_safe(folio, next, folios, lru) {
		/* What only we refer to is nobody's any more. */
		if (folio_ref_count(folio) > 1)
			call->nr_failed += folio_nr_pages(folio);
		if (folio_test_hugetlb(folio)) {
			folio_putback_hugetlb(&folio->page);
		} else {
			list_del(&folio->lru);
			folio_putback_lru(folio);
		}
	}
}

/* Send the chunk on its way: each folio on the preferred path or else the other. */
static void carry(struct swapmig_call *call, struct swapmig_chunk *chunk)
{
	if (call->path == SWAPMIG_DIRECT)
		swapmig_move(call, &chunk->folios);
	swapmig_evict(call, &chunk->folios);
	swapmig_move(call, &chunk->unevictable);
	leave(call, &chunk->unevictable);
}

/* See to what eviction has not been able to carry. */
static void carry_left(struct swapmig_call *call)
{
	if (call->path == SWAPMIG_SWAP)
		swapmig_move(call, &call->left);
	leave(call, &call->left);
	trace_swapmig_progress(call->mm, call->nr_evicted, call->nr_moved,
			       call->nr_failed);
}

/* Returns whether another pass may find more. */
static bool migrate_pass(struct swapmig_call *call)
{
	unsigned long nr_carried = call->nr_evicted + call->nr_moved;
	int more;

	call->next = 0;
	call->nr_busy = 0;
	call->nr_failed = 0;

	do {
		struct swapmig_chunk chunk = {
			.folios = LIST_HEAD_INIT(chunk.folios),
			.unevictable = LIST_HEAD_INIT(chunk.unevictable),
		};

		more = swapmig_walk(call, &chunk);
		carry(call, &chunk);
		carry_left(call);
		cond_resched();
	} while (more > 0 && !fatal_signal_pending(current));

	swapmig_evict_finish(call);
	carry_left(call);

	call->ended = more;
	call->nr_failed += call->nr_busy;
	return !call->ended && call->nr_failed &&
	       (call->nr_busy || call->nr_evicted + call->nr_moved > nr_carried);
}

/* Returns the number of base pages left behind. */
static unsigned long migrate(struct swapmig_call *call)
{
	unsigned long nr_left = 0;
	int pass;

	/* Pages on their way to the LRU cannot be isolated: send them on. */
	lru_add_drain_all();

	while (!call->ended && swapmig_nodemap_next(&call->map)) {
		for (pass = 1; migrate_pass(call) && pass < MAX_PASSES; pass++)
			lru_add_drain_all();
		nr_left += call->nr_failed;
	}
	return nr_left;
}

static pid_t target_pid(struct mm_struct *mm)
{
	pid_t pid = 0;

#ifdef CONFIG_MEMCG
	struct task_struct *owner;

	rcu_read_lock();
	owner = rcu_dereference(mm->owner);
	if (owner)
		pid = owner->tgid;
	rcu_read_unlock();
#endif
	return pid;
}

/**
 * do_migrate_pages - take a process's pages from a set of nodes to another
 * @mm: the target's address space; a reference as mmgrab() takes it is enough
 * @from: source nodes
 * @to: target nodes
 * @flags: MPOL_MF_MOVE for pages that only the target maps, MPOL_MF_MOVE_ALL for
 *	shared ones too, which without CAP_SYS_NICE are only moved, not evicted
 *
 * Every page of the target on a node that has to be left (see
 * swapmig_nodemap_init()) travels on the preferred path, or else on the other.
 * On the swap path it is evicted: to swap, or dropped if it is a clean page of a
 * file.  It comes back on the node it was sent to when it is next touched.
 * References do not protect a page, and a page whose write-back takes time is
 * waited for: when the call returns, its frame is free.  On the direct path it is
 * moved at once.  The target's pages that are in swap already are sent to the same
 * nodes.  Policies are not modified.
 *
 * mmap_lock is held for reading, for no more than SWAPMIG_CHUNK_PAGES pages at a
 * time, and never while anything is written, copied or waited for.  The call ends
 * early if the caller is killed or the target exits.
 *
 * This is the engine of migrate_pages(2) and of cpuset memory migration.
 *
 * Context: process context, sleeps; no locks held.
 * Return: the number of base pages that neither path could carry, or -ENOMEM.
 */
int do_migrate_pages(struct mm_struct *mm, const nodemask_t *from,
		     const nodemask_t *to, int flags)
{
	unsigned long nr_left = 0;
	struct swapmig_call *call;
	int i;

	call = kzalloc(sizeof(*call), GFP_KERNEL);
	if (!call)
		return -ENOMEM;

	call->mm = mm;
	call->path = swapmig_preferred_path();
	call->shared = flags & MPOL_MF_MOVE_ALL;
	call->evict_shared = call->shared && capable(CAP_SYS_NICE);
	INIT_LIST_HEAD(&call->left);
	for (i = 0; i < SWAPMIG_IN_FLIGHT; i++)
		INIT_LIST_HEAD(&call->in_flight[i]);

	if (trace_swapmig_begin_enabled())
		trace_swapmig_begin(mm, target_pid(mm), from, to,
				    swapmig_path_name(call->path));

	swapmig_nodemap_init(&call->map, from, to, call->path);
	if (!nodes_empty(call->map.all)) {
		swapmig_refault_enable();
		nr_left = migrate(call);
		swapmig_count_failed(nr_left);
	}

	trace_swapmig_end(mm, call->nr_evicted, call->nr_moved, nr_left);
	kfree(call);
	return min_t(unsigned long, nr_left, INT_MAX);
}
