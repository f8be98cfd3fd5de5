/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Swap migration: take folios off the LRU and put them there, many under one lock.
 *
 * Neighbours tend to be on the same LRU.  So its lock is kept from one folio to the next,
 * and its statistics are updated before it is dropped.  The lock disables interrupts: it
 * is kept for SWAP_CLUSTER_MAX folios at most, as reclaim does.
 */
#ifndef _MM_SWAPMIG_LRU_H
#define _MM_SWAPMIG_LRU_H

#include <linux/memcontrol.h>
#include <linux/mm_inline.h>
#include <linux/swap.h>
#include <trace/events/pagemap.h>

#include "../internal.h"

/**
 * struct swapmig_lru - an LRU that is locked, and what has changed there
 * @lruvec: the LRU, NULL if none is locked
 * @memcg: its memory cgroup
 * @zone_id: its zone
 * @zid: the type of this zone
 * @nr_folios: how many folios have been handled under the lock
 * @nr_pages: base pages by which each list has grown
 * @nr_mapped: mappings of its anonymous pages that have been added
 */
struct swapmig_lru {
	struct lruvec *lruvec;
	struct mem_cgroup *memcg;
	int zone_id;
	enum zone_type zid;
	unsigned int nr_folios;
	int nr_pages[NR_LRU_LISTS];
	int nr_mapped;
};

/**
 * swapmig_lru_unlock - update the statistics of a locked LRU and unlock it
 * @lru: the LRU; nothing is done if none is locked
 *
 * Context: any but interrupts; enables interrupts.
 */
static inline void swapmig_lru_unlock(struct swapmig_lru *lru)
{
	enum lru_list list;

	if (!lru->lruvec)
		return;
	for_each_lru(list)
		if (lru->nr_pages[list])
			update_lru_size(lru->lruvec, list, lru->zid, lru->nr_pages[list]);
	if (lru->nr_mapped)
		__mod_lruvec_state(lru->lruvec, NR_ANON_MAPPED, lru->nr_mapped);
	unlock_page_lruvec_irq(lru->lruvec);
	memset(lru, 0, sizeof(*lru));
}

/* Lock the LRU of @folio in place of the previous one. */
static inline void swapmig_lru_lock(struct swapmig_lru *lru, struct folio *folio)
{
	if (lru->lruvec && lru->nr_folios++ < SWAP_CLUSTER_MAX &&
	    page_zone_id(&folio->page) == lru->zone_id &&
	    folio_memcg(folio) == lru->memcg)
		return;
	swapmig_lru_unlock(lru);
	lru->lruvec = folio_lruvec_lock_irq(folio);
	lru->memcg = folio_memcg(folio);
	lru->zone_id = page_zone_id(&folio->page);
	lru->zid = folio_zonenum(folio);
	lru->nr_folios = 1;
}

/**
 * swapmig_lru_isolate - take a folio off its LRU, as folio_isolate_lru() does
 * @lru: the LRU that is locked, if any; that of @folio on return, if it was on one
 * @folio: the folio; the reference of its isolation is the caller's
 *
 * Context: process context; the caller keeps the folio from being freed or charged to
 * another memory cgroup.  Call swapmig_lru_unlock() before sleeping.
 * Return: whether the folio was on an LRU.
 */
static inline bool swapmig_lru_isolate(struct swapmig_lru *lru, struct folio *folio)
{
	if (!folio_test_clear_lru(folio))
		return false;
	swapmig_lru_lock(lru, folio);
	/* A generation may outlive lru_gen_enabled() for a while. */
	if (lru_gen_del_folio(lru->lruvec, folio, false))
		return true;
	/* Folios on the unevictable list are on no list that could be walked. */
	if (!folio_test_unevictable(folio))
		list_del(&folio->lru);
	lru->nr_pages[folio_lru_list(folio)] -= folio_nr_pages(folio);
	return true;
}

/**
 * swapmig_lru_add - put a new folio on its LRU, as folio_add_lru() does
 * @lru: the LRU that is locked, if any
 * @folio: the folio
 *
 * Context: as swapmig_lru_isolate().
 */
static inline void swapmig_lru_add(struct swapmig_lru *lru, struct folio *folio)
{
	if (folio_test_unevictable(folio)) {
		swapmig_lru_unlock(lru);
		folio_add_lru(folio);
		return;
	}
	swapmig_lru_lock(lru, folio);
	if (!lru_gen_add_folio(lru->lruvec, folio, false)) {
		list_add(&folio->lru, &lru->lruvec->lists[folio_lru_list(folio)]);
		lru->nr_pages[folio_lru_list(folio)] += folio_nr_pages(folio);
	}
	trace_mm_lru_insertion(folio);
	folio_set_lru(folio);
}

#endif /* _MM_SWAPMIG_LRU_H */
