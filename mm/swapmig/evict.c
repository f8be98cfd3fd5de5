// SPDX-License-Identifier: GPL-2.0
/*
 * Swap migration: the swap path.
 *
 * Reclaim does the work: it unmaps a folio, writes it to swap and frees it.
 * What is added here is patience.  Reclaim starts write-back and looks the
 * other way, as some other page will do for it; here this very page has to go,
 * so its write-back is waited for, and reclaim is then asked again.  Meanwhile
 * the next chunks are submitted: a ring of them is in flight.
 */
#include <linux/blkdev.h>
#include <linux/pagemap.h>
#include <linux/rmap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#include <linux/writeback.h>

#include "../internal.h"
#include "../swap.h"
#include "swapmig.h"

/*
 * How often reclaim is asked again.  A file page that only its page-table entry
 * knows to be dirty takes three rounds: unmap, write, free; the others are for
 * pages that the target touches in between.
 */
#define EVICT_ROUNDS	5

/* Free what nobody but us refers to any more, lest it be written for nobody. */
static bool free_abandoned(struct folio *folio)
{
	if (folio_ref_count(folio) != 1)
		return false;
	list_del(&folio->lru);
	folio_clear_active(folio);
	folio_clear_unevictable(folio);
	folio_put(folio);
	return true;
}

/* Reclaim would split huge pages in search of swap space that is not there. */
static bool may_swap(struct folio *folio)
{
	struct mem_cgroup *memcg = folio_memcg(folio);

	if (!folio_test_swapbacked(folio) || folio_test_swapcache(folio))
		return true;
	return (memcg ? mem_cgroup_get_nr_swap_pages(memcg) :
			get_nr_swap_pages()) > 0;
}

/*
 * Can swap entries say that a page is exclusive to its process?  Where they cannot, as
 * on i386 and ia64, the next write to a page that has been unmapped goes to a copy.
 */
#ifdef __HAVE_ARCH_PTE_SWP_EXCLUSIVE
#define SWAP_ENTRIES_EXCLUSIVE	true
#else
#define SWAP_ENTRIES_EXCLUSIVE	false
#endif

/*
 * Reclaim unmaps a page before it finds that it cannot free it, as somebody has
 * a reference, and the target gets it back from the swap cache.  If the next write
 * then goes to a copy, a reader of the page, say a pipe that it was spliced to,
 * waits for it in vain.  There, leave such pages alone.
 */
static bool must_stay(struct folio *folio)
{
	long refs;

	if (folio_maybe_dma_pinned(folio))
		return true;
	if (SWAP_ENTRIES_EXCLUSIVE || !folio_test_anon(folio) ||
	    !folio_mapped(folio))
		return false;

	/* ours, its page tables', and the swap cache's for each page */
	refs = 1 + folio_mapcount(folio);
	if (folio_test_swapcache(folio))
		refs += folio_nr_pages(folio);
	return folio_ref_count(folio) > refs;
}

/* Keep from reclaim what it need not or must not see. */
static void put_aside(struct list_head *folios, struct list_head *left)
{
	struct folio *folio, *next;

	list_for_each_entry_safe(folio, next, folios, lru)
		if (!free_abandoned(folio) &&
		    (!may_swap(folio) || must_stay(folio)))
			list_move(&folio->lru, left);
}

/*
 * Reclaim leaves dirty file folios to the flusher threads.  Start to write those
 * on the list, neighbours in one go.
 *
 * The lock of a folio holds off truncation, so its mapping has its inode, and that
 * its super block.  For the time after, both are held: an inode alone would not
 * keep the file system from being unmounted.  As with flusher threads, umount(2)
 * waits for us; if it has come first, it writes the folio itself.
 */
static void write_dirty_files(struct list_head *folios)
{
	struct folio *folio, *next;
	struct blk_plug plug;

	blk_start_plug(&plug);
	list_for_each_entry_safe_reverse(folio, next, folios, lru) {
		struct address_space *mapping;
		struct super_block *sb = NULL;
		struct inode *inode = NULL;
		loff_t start, end;

		if (folio_test_swapbacked(folio) || !folio_test_dirty(folio) ||
		    folio_test_writeback(folio) || !folio_trylock(folio))
			continue;
		mapping = folio_mapping(folio);
		if (mapping && !folio_test_anon(folio))
			sb = mapping->host->i_sb;
		if (sb && !down_read_trylock(&sb->s_umount))
			sb = NULL;
		if (sb)
			inode = igrab(mapping->host);
		start = folio_pos(folio);
		end = start + folio_size(folio);
		folio_unlock(folio);

		if (inode) {
			while (&next->lru != folios &&
			       READ_ONCE(next->mapping) == mapping &&
			       folio_pos(next) == end) {
				end += folio_size(next);
				next = list_prev_entry(next, lru);
			}
			__filemap_fdatawrite_range(mapping, start, end - 1,
						   WB_SYNC_NONE);
			iput(inode);
		}
		if (sb)
			up_read(&sb->s_umount);
	}
	blk_finish_plug(&plug);
}

/*
 * Folios that are in the swap cache keep their slots: send what these hold where
 * the folios are sent.  A task that has one locked goes first: @later is for the next
 * round.
 */
static void aim_swap_cache(struct swapmig_call *call, struct list_head *folios,
			   struct list_head *later)
{
	struct folio *folio, *next;

	list_for_each_entry_safe(folio, next, folios, lru) {
		if (!folio_test_swapcache(folio))
			continue;
		if (!folio_trylock(folio)) {
			list_move_tail(&folio->lru, later);
			continue;
		}
		if (folio_test_swapcache(folio) &&
		    swapmig_refault_aim(&call->map, folio,
					folio_swap_entry(folio)))
			list_move(&folio->lru, &call->left);
		folio_unlock(folio);
	}
}

/*
 * Reclaim unmaps a folio right before it writes it, which takes a TLB flush on all
 * CPUs for each.  Unmap what is going to be written beforehand, with one flush.
 * Until then others may write to a folio that has been unlocked.  So may who has it
 * mapped again; but where that can end in a copy, which would miss what others still
 * write, leave it to reclaim.
 */
static void unmap_for_swap(struct list_head *folios)
{
	unsigned int noreclaim_flag = memalloc_noreclaim_save();
	struct folio *folio;

	list_for_each_entry_reverse(folio, folios, lru) {
		if (folio_test_large(folio) || !folio_mapped(folio) ||
		    !folio_trylock(folio))
			continue;
		if (folio_test_anon(folio) && folio_test_swapbacked(folio) &&
		    !folio_test_writeback(folio) &&
		    (folio_test_swapcache(folio) || add_to_swap(folio)))
			try_to_unmap(folio, TTU_BATCH_FLUSH);
		folio_unlock(folio);
	}
	try_to_unmap_flush();
	memalloc_noreclaim_restore(noreclaim_flag);
}

static void evict_round(struct swapmig_call *call, struct list_head *folios)
{
	struct reclaim_state rs = { .refault_map = &call->map };
	unsigned long nr_freed;
	struct blk_plug plug;
	LIST_HEAD(later);

	put_aside(folios, &call->left);
	write_dirty_files(folios);
	aim_swap_cache(call, folios, &later);

	blk_start_plug(&plug);
	current->reclaim_state = &rs;
	if (SWAP_ENTRIES_EXCLUSIVE)
		unmap_for_swap(folios);
	nr_freed = reclaim_isolated_folios(folios);
	current->reclaim_state = NULL;
	blk_finish_plug(&plug);
	list_splice(&later, folios);

	call->nr_evicted += nr_freed;
	swapmig_count_evicted(nr_freed);
}

static bool wait_written(struct list_head *folios)
{
	struct folio *folio;

	list_for_each_entry_reverse(folio, folios, lru)
		if (folio_wait_writeback_killable(folio))
			return false;
	return !fatal_signal_pending(current);
}

static void evict_reap(struct swapmig_call *call, struct list_head *folios)
{
	struct folio *folio, *next;
	int round;

	for (round = 1; round < EVICT_ROUNDS && !list_empty(folios); round++) {
		/* The end of write-back may not have let go of the folio yet. */
		if (round > 1)
			schedule_timeout_killable(1);
		if (!wait_written(folios))
			break;
		evict_round(call, folios);
	}
	list_for_each_entry_safe(folio, next, folios, lru)
		if (!free_abandoned(folio))
			list_move(&folio->lru, &call->left);
}

/**
 * swapmig_evict - start to evict the folios of a chunk
 * @call: the call
 * @folios: isolated folios, the lowest address last; empty on return
 *
 * Unmaps the folios and starts to write them to swap, or drops them where they
 * are clean.  What can be freed at once is; the rest stays in flight until
 * SWAPMIG_IN_FLIGHT more chunks have been submitted or swapmig_evict_finish() is
 * called.  Before that the oldest chunk is waited for, if the ring is full.  What
 * of it cannot be evicted is put on @call->left, still isolated.
 *
 * References do not protect a folio.  A folio counts as evicted when reclaim has
 * freed it, and not before.
 *
 * Context: process context, sleeps; no locks held.
 */
void swapmig_evict(struct swapmig_call *call, struct list_head *folios)
{
	struct list_head *slot;

	if (list_empty(folios))
		return;

	slot = &call->in_flight[call->nr_submitted++ % SWAPMIG_IN_FLIGHT];
	evict_reap(call, slot);
	list_splice_init(folios, slot);
	evict_round(call, slot);
}

/**
 * swapmig_evict_finish - wait for all that is in flight
 * @call: the call
 *
 * Waits for the write-back of all chunks in flight, oldest first, and frees
 * their folios.  What cannot be evicted is put on @call->left, still isolated.
 * A caller that has been killed does not wait.
 *
 * Context: process context, sleeps; no locks held.
 */
void swapmig_evict_finish(struct swapmig_call *call)
{
	int i;

	for (i = 0; i < SWAPMIG_IN_FLIGHT; i++)
		evict_reap(call, &call->in_flight[call->nr_submitted++ %
						  SWAPMIG_IN_FLIGHT]);
}
