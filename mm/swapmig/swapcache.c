// SPDX-License-Identifier: GPL-2.0
/*
 * Swap migration: the swap cache, many folios at a time.
 *
 * Reclaim takes folios one by one, and asks about each whatever can be true of any folio.
 * The common folio of the swap path is small, it has been unmapped, and nobody else refers to it.
 * Such folios are added to the swap cache, written and freed here.  Neighbours mostly have
 * slots that are neighbours, and are of the same LRU.  So they share the search in the swap
 * cache and the updates of the statistics.  All other folios are left to reclaim, and so is a
 * folio that turns out to have another user after all.
 */
#include <linux/memcontrol.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#include <linux/writeback.h>

#include "../internal.h"
#include "../swap.h"
#include "swapmig.h"

/* The flags that a folio must have to be written and freed here, and those that it must not. */
#define SWAPMIG_SWAPCACHE_FLAGS	(BIT(PG_swapcache) | BIT(PG_swapbacked))
#define SWAPMIG_SWAPCACHE_FLAGS_NOT					\
	(BIT(PG_head) | BIT(PG_writeback) | BIT(PG_unevictable) |	\
	 BIT(PG_private) | BIT(PG_private_2) | __PG_MLOCKED | __PG_HWPOISON)

/* The references of a folio that nobody uses: of the swap cache, and of its isolation. */
#define SWAPMIG_SWAPCACHE_REFS	2

/* What has changed in the statistics of an LRU. */
struct swapmig_swapcache_stat {
	struct lruvec *lruvec;
	int nr_added;		/* folios in the swap cache */
	int nr_isolated;
};

static void swapmig_swapcache_count_end(struct swapmig_swapcache_stat *stat)
{
	struct pglist_data *pgdat;

	if (!stat->lruvec)
		return;
	pgdat = lruvec_pgdat(stat->lruvec);
	mod_node_page_state(pgdat, NR_FILE_PAGES, stat->nr_added);
	mod_lruvec_state(stat->lruvec, NR_SWAPCACHE, stat->nr_added);
	if (stat->nr_isolated)
		mod_node_page_state(pgdat, NR_ISOLATED_ANON, stat->nr_isolated);
	memset(stat, 0, sizeof(*stat));
}

/* The statistics of neighbours are mostly the same, and are updated together. */
static void swapmig_swapcache_count(struct swapmig_swapcache_stat *stat, struct folio *folio,
				    int nr_added, int nr_isolated)
{
	struct lruvec *lruvec = folio_lruvec(folio);

	if (lruvec != stat->lruvec)
		swapmig_swapcache_count_end(stat);
	stat->lruvec = lruvec;
	stat->nr_added += nr_added;
	stat->nr_isolated += nr_isolated;
}

static void swapmig_swapcache_seek(struct xa_state *xas, unsigned long index)
{
	if (index == xas->xa_index + 1)
		xas_next(xas);
	else
		xas_set(xas, index);
}

/**
 * swapmig_swapcache_add - add folios to the swap cache
 * @folios: locked, small anonymous folios that are not in it
 * @entries: the slot that each has been given
 * @nr: the number of folios
 *
 * As add_to_swap(), for slots that have been allocated.  For want of memory, the last ones
 * may not be added.  Their slots are freed.
 *
 * Context: process context with PF_MEMALLOC, does not sleep.  Nobody else can find @folios.
 */
void swapmig_swapcache_add(struct folio **folios, swp_entry_t *entries, unsigned int nr)
{
	const gfp_t gfp = __GFP_HIGH | __GFP_NOMEMALLOC | __GFP_NOWARN;
	struct swapmig_swapcache_stat stat = { };
	unsigned int i = 0, first;

	while (i < nr) {
		struct address_space *mapping = swap_address_space(entries[i]);
		XA_STATE(xas, &mapping->i_pages, swp_offset(entries[i]));

		first = i;
		do {
			xas_lock_irq(&xas);
			for (; i < nr && swap_address_space(entries[i]) == mapping; i++) {
				struct folio *folio = folios[i];

				VM_WARN_ON_ONCE_FOLIO(!folio_test_locked(folio), folio);
				VM_WARN_ON_ONCE_FOLIO(folio_test_swapcache(folio), folio);

				swapmig_swapcache_seek(&xas, swp_offset(entries[i]));
				folio_ref_inc(folio);
				folio_set_swapcache(folio);
				set_page_private(&folio->page, entries[i].val);
				xas_store(&xas, folio);
				if (xas_error(&xas)) {
					set_page_private(&folio->page, 0);
					folio_clear_swapcache(folio);
					folio_ref_dec(folio);
					break;
				}
				swapmig_swapcache_count(&stat, folio, 1, 0);
			}
			mapping->nrpages += i - first;
			first = i;
			xas_unlock_irq(&xas);
		} while (xas_nomem(&xas, gfp));
		if (xas_error(&xas))
			break;
	}
	swapmig_swapcache_count_end(&stat);

	for (first = 0; first < i; first++)
		/* As add_to_swap(): the page-table entry may not have been dirty. */
		if (!folio_test_dirty(folios[first]))
			folio_mark_dirty(folios[first]);
	for (; i < nr; i++)
		put_swap_folio(folios[i], entries[i]);
}

/* Is the folio one of those that are written and freed here? */
static bool swapmig_swapcache_suits(struct folio *folio)
{
	/* Without the lock, this is only a hint. */
	unsigned long flags = data_race(folio->flags);

	return (flags & (SWAPMIG_SWAPCACHE_FLAGS | SWAPMIG_SWAPCACHE_FLAGS_NOT)) ==
	       SWAPMIG_SWAPCACHE_FLAGS && atomic_read(&folio->_mapcount) < 0 &&
	       folio_ref_count(folio) == SWAPMIG_SWAPCACHE_REFS;
}

/*
 * Take a locked folio from the swap cache if it is clean and nobody uses it, with the shadow
 * that reclaim would leave.  Nobody refers to it then.  A task that needs the page meanwhile
 * waits until the slot has been put, for a tick if it comes between the two: so do not put
 * the slots of several folios together.
 */
static bool swapmig_swapcache_delete(struct folio *folio, struct swapmig_swapcache_stat *stat)
{
	swp_entry_t entry = folio_swap_entry(folio);
	struct address_space *mapping = swap_address_space(entry);
	XA_STATE(xas, &mapping->i_pages, swp_offset(entry));
	void *shadow;

	xas_lock_irq(&xas);
	if (!folio_ref_freeze(folio, SWAPMIG_SWAPCACHE_REFS)) {
		xas_unlock_irq(&xas);
		return false;
	}
	/* A user that is gone may have made it dirty, see __remove_mapping(). */
	if (folio_test_dirty(folio)) {
		folio_ref_unfreeze(folio, SWAPMIG_SWAPCACHE_REFS);
		xas_unlock_irq(&xas);
		return false;
	}
	swapmig_swapcache_count(stat, folio, -1, -1);
	shadow = workingset_eviction(folio, NULL);
	mem_cgroup_swapout(folio, entry);
	xas_store(&xas, shadow);
	set_page_private(&folio->page, 0);
	folio_clear_swapcache(folio);
	mapping->nrpages--;
	xas_unlock_irq(&xas);
	put_swap_folio(folio, entry);
	return true;
}

/*
 * Free those of @folios that are clean and that nobody uses.  They are isolated.  Returns how
 * many have been freed.
 */
static unsigned int swapmig_swapcache_free(struct folio **folios, unsigned int nr)
{
	struct swapmig_swapcache_stat stat = { };
	unsigned int i, nr_freed = 0;
	LIST_HEAD(freed);

	/* mem_cgroup_swapout() may drop the last reference to a memory cgroup that is counted. */
	rcu_read_lock();
	for (i = 0; i < nr; i++) {
		bool deleted;

		if (!folio_trylock(folios[i]))
			continue;
		deleted = swapmig_swapcache_suits(folios[i]) &&
			  swapmig_swapcache_delete(folios[i], &stat);
		if (deleted) {
			folio_clear_active(folios[i]);
			list_move(&folios[i]->lru, &freed);
			nr_freed++;
		}
		folio_unlock(folios[i]);
	}
	swapmig_swapcache_count_end(&stat);
	rcu_read_unlock();

	mem_cgroup_uncharge_list(&freed);
	free_unref_page_list(&freed);
	return nr_freed;
}

/**
 * swapmig_swapcache_write - write unmapped folios to swap, and free what is written
 * @folios: isolated folios; those that reclaim has to look at stay on the list
 * @written: gets the folios that are under write-back
 *
 * A small folio that is in the swap cache, that is not mapped, and that nobody else refers to
 * is written if it is dirty.  If it is clean, also because the device has written it at once, as
 * zram does, it is freed.  A write error makes it dirty again.
 *
 * Context: process context, sleeps; no locks held.
 * Return: the number of folios freed.
 */
unsigned int swapmig_swapcache_write(struct list_head *folios, struct list_head *written)
{
	unsigned int noreclaim_flag = memalloc_noreclaim_save(), nr = 0, nr_freed = 0;
	struct folio *group[SWAPMIG_GROUP_PAGES], *folio, *next;
	struct swap_iocb *plug = NULL;
	struct writeback_control wbc = {
		.sync_mode = WB_SYNC_NONE,
		.nr_to_write = SWAP_CLUSTER_MAX,
		.range_end = LLONG_MAX,
		.for_reclaim = 1,
		.swap_plug = &plug,
	};

	list_for_each_entry_safe_reverse(folio, next, folios, lru) {
		if (!swapmig_swapcache_suits(folio))
			continue;
		if (folio_test_dirty(folio)) {
			if (!folio_trylock(folio))
				continue;
			if (!swapmig_swapcache_suits(folio) ||
			    !folio_test_clear_dirty(folio)) {
				folio_unlock(folio);
				continue;
			}
			/* Unlocks the folio. */
			swap_writepage(&folio->page, &wbc);
			cond_resched();
			if (folio_test_writeback(folio)) {
				list_move(&folio->lru, written);
				continue;
			}
		}
		group[nr++] = folio;
		if (nr == ARRAY_SIZE(group)) {
			nr_freed += swapmig_swapcache_free(group, nr);
			nr = 0;
		}
	}
	nr_freed += swapmig_swapcache_free(group, nr);
	if (plug)
		swap_write_unplug(plug);
	memalloc_noreclaim_restore(noreclaim_flag);
	return nr_freed;
}
