// SPDX-License-Identifier: GPL-2.0
/*
 * Swap migration: the direct path.
 */
#include <linux/hugetlb.h>
#include <linux/migrate.h>
#include <linux/mm_inline.h>
#include <linux/sched/signal.h>
#include <linux/vmstat.h>

#include "../internal.h"
#include "swapmig.h"

static bool swapmig_is_hugetlb(struct folio *folio)
{
	return folio_test_large(folio) && folio_test_hugetlb(folio);
}

/*
 * Take from @from the folios that are like the first one: on its node, and hugetlb if it
 * is.  migrate_pages() ends when it cannot allocate a page; that must not stop folios for
 * another node.
 */
static void swapmig_take_batch(struct list_head *from, struct list_head *batch)
{
	struct folio *first = list_first_entry(from, struct folio, lru);
	bool hugetlb = swapmig_is_hugetlb(first);
	int nid = folio_nid(first);
	struct folio *folio, *next;
	LIST_HEAD(rest);

	list_for_each_entry_safe(folio, next, from, lru)
		if (folio_nid(folio) != nid ||
		    swapmig_is_hugetlb(folio) != hugetlb)
			list_move_tail(&folio->lru, &rest);
	list_splice_init(from, batch);
	list_splice(&rest, from);
}

/*
 * migrate_pages() would unmap each pinned folio ten times, with a TLB flush each time,
 * before it gives up.  Folios of a file are tried all the same: the file system may know
 * of the reference, as AIO does for its ring.
 */
static void swapmig_skip_pinned(struct list_head *folios, struct list_head *pinned)
{
	struct folio *folio, *next;

	list_for_each_entry_safe(folio, next, folios, lru)
		if ((folio_test_anon(folio) || folio_test_swapcache(folio)) &&
		    !swapmig_is_hugetlb(folio) && swapmig_folio_pinned(folio))
			list_move_tail(&folio->lru, pinned);
}

/**
 * swapmig_move - move folios to their target nodes
 * @call: the call
 * @folios: isolated folios on source nodes; those that cannot be moved stay on the list
 *
 * Copies each folio to a new one on the target node.  The allocation does not try
 * hard, as the folio can be evicted instead.  Pinned folios go to @call->leftover: if the
 * reference is short-lived, the next pass moves them.  If the caller has been killed,
 * nothing more is moved.
 *
 * Context: process context, sleeps; no locks held.
 * Return: 0, or -ENOMEM if a target node had no room for a folio.
 */
int swapmig_move(struct swapmig_call *call, struct list_head *folios)
{
	struct migration_target_control mtc = {
		.gfp_mask = GFP_HIGHUSER_MOVABLE | __GFP_THISNODE |
			    __GFP_NORETRY | __GFP_NOWARN,
	};
	LIST_HEAD(pinned);
	LIST_HEAD(failed);
	LIST_HEAD(batch);
	int err = 0;

	swapmig_skip_pinned(folios, &pinned);
	while (!list_empty(folios) && !fatal_signal_pending(current)) {
		unsigned int nr_moved = 0;
		int nid;

		swapmig_take_batch(folios, &batch);
		nid = folio_nid(lru_to_folio(&batch));
		mtc.nid = call->map.target[nid];

		if (migrate_pages(&batch, alloc_migration_target, NULL,
				  (unsigned long)&mtc, MIGRATE_SYNC, MR_SYSCALL,
				  &nr_moved) == -ENOMEM) {
			node_set(nid, call->full);
			err = -ENOMEM;
		}
		list_splice_init(&batch, &failed);

		call->nr_moved += nr_moved;
		count_vm_events(SWAPMIG_MOVED, nr_moved);
	}
	list_splice(&failed, folios);
	list_splice(&pinned, &call->leftover);
	return err;
}
