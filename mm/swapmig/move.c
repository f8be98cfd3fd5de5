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

static bool is_hugetlb(struct folio *folio)
{
	return folio_test_large(folio) && folio_test_hugetlb(folio);
}

/*
 * Take the folios off @from that leave the same node as the first one and are of the
 * same sort.  migrate_pages() gives up when there is no room for one; that must not
 * keep others from going where there is.
 */
static void take_alike(struct list_head *from, struct list_head *alike)
{
	struct folio *first = list_first_entry(from, struct folio, lru);
	bool hugetlb = is_hugetlb(first);
	int nid = folio_nid(first);
	struct folio *folio, *next;
	LIST_HEAD(others);

	list_for_each_entry_safe(folio, next, from, lru)
		if (folio_nid(folio) != nid || is_hugetlb(folio) != hugetlb)
			list_move_tail(&folio->lru, &others);
	list_splice_init(from, alike);
	list_splice(&others, from);
}

/*
 * migrate_pages() expects what it is given to be accounted as isolated; @alike is
 * what take_alike() took.
 */
static void account_isolated(struct list_head *alike, int sign)
{
	long nr_isolated[2] = { 0 };
	struct folio *folio;
	int file;

	if (list_empty(alike) || is_hugetlb(lru_to_folio(alike)))
		return;
	list_for_each_entry(folio, alike, lru)
		nr_isolated[folio_is_file_lru(folio)] += folio_nr_pages(folio);
	for (file = 0; file < ARRAY_SIZE(nr_isolated); file++)
		if (nr_isolated[file])
			mod_node_page_state(folio_pgdat(lru_to_folio(alike)),
					    NR_ISOLATED_ANON + file,
					    sign * nr_isolated[file]);
}

/**
 * swapmig_move - move folios to their target nodes
 * @call: the call
 * @folios: isolated folios on source nodes; what cannot be moved is left there
 *
 * Each folio is copied to a new one on the target node, which takes its place.  To
 * make room, no great effort is made: the other path is open.  A caller that has been
 * killed does not begin to wait for locks and write-back.
 *
 * Context: process context, sleeps; no locks held.
 */
void swapmig_move(struct swapmig_call *call, struct list_head *folios)
{
	struct migration_target_control mtc = {
		.gfp_mask = GFP_HIGHUSER_MOVABLE | __GFP_THISNODE |
			    __GFP_NORETRY | __GFP_NOWARN,
	};
	LIST_HEAD(failed);
	LIST_HEAD(alike);

	while (!list_empty(folios) && !fatal_signal_pending(current)) {
		unsigned int nr_moved = 0;

		take_alike(folios, &alike);
		mtc.nid = call->map.target[folio_nid(lru_to_folio(&alike))];

		account_isolated(&alike, 1);
		migrate_pages(&alike, alloc_migration_target, NULL,
			      (unsigned long)&mtc, MIGRATE_SYNC, MR_SYSCALL,
			      &nr_moved);
		account_isolated(&alike, -1);
		list_splice_init(&alike, &failed);

		call->nr_moved += nr_moved;
		swapmig_count_moved(nr_moved);
	}
	list_splice(&failed, folios);
}
