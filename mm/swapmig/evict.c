// SPDX-License-Identifier: GPL-2.0
/*
 * Swap migration: the swap path.
 *
 * Reclaim does the work: it unmaps a folio, writes it to swap and frees it.  But it
 * only starts write-back, and then takes another page, as any page will do.  Here a
 * certain page has to go: so wait for its write-back, and call reclaim again.  Up to
 * SWAPMIG_IN_FLIGHT chunks are under write-back while the next one is submitted.
 * For the common folio, swapcache.c does what reclaim would do, many at a time.
 */
#include <linux/blkdev.h>
#include <linux/list_sort.h>
#include <linux/memcontrol.h>
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
 * How often reclaim is called for a chunk.  A file page that only its PTE knows to be
 * dirty takes three rounds: unmap, write, free.  The others are for pages that the
 * process touches in between.
 */
#define SWAPMIG_EVICT_ROUNDS	5

/*
 * The share of a node's inactive pages that may be isolated before a call waits.  Reclaim
 * waits when more than an eighth is isolated, see too_many_isolated().
 */
#define SWAPMIG_ISOLATED_SHARE	16

/* How many ticks a pass waits, at its end, for folios that something still refers to. */
#define SWAPMIG_EVICT_TICKS	4

/**
 * swapmig_account_list - account isolated folios, so that reclaim knows of them
 * @folios: the folios; hugetlb folios are passed over
 * @sign: 1 to count them, -1 to count them no longer
 *
 * migrate_pages() expects folios that are counted, and uncounts those that it moves.
 * Neighbours are mostly of one node and kind, and are counted together.
 *
 * Context: any.
 */
void swapmig_account_list(struct list_head *folios, int sign)
{
	struct pglist_data *pgdat = NULL;
	enum node_stat_item item = NR_ISOLATED_ANON;
	struct folio *folio;
	long nr_pages = 0;

	list_for_each_entry(folio, folios, lru) {
		enum node_stat_item next = NR_ISOLATED_ANON + folio_is_file_lru(folio);
		/* Flags in the same word may change, as when write-back ends, but not the node. */
		struct pglist_data *next_pgdat = data_race(folio_pgdat(folio));

		if (folio_test_hugetlb(folio))
			continue;
		if (nr_pages && (next_pgdat != pgdat || next != item)) {
			mod_node_page_state(pgdat, item, nr_pages);
			nr_pages = 0;
		}
		pgdat = next_pgdat;
		item = next;
		nr_pages += sign * (long)folio_nr_pages(folio);
	}
	if (nr_pages)
		mod_node_page_state(pgdat, item, nr_pages);
}

/* Free a folio to which only we refer: nobody would read it from swap. */
static bool swapmig_free_unused(struct folio *folio)
{
	if (folio_ref_count(folio) != 1)
		return false;
	list_del(&folio->lru);
	swapmig_account_isolated(folio, -1);
	folio_clear_active(folio);
	folio_clear_unevictable(folio);
	folio_put(folio);
	return true;
}

/**
 * swapmig_may_swap - is there swap space for a folio?
 * @folio: the folio
 *
 * Without swap space, reclaim would split huge pages in vain, and each try would count as
 * a failure of the memory cgroup.
 *
 * Context: any; the folio cannot change its memory cgroup.
 * Return: false if neither the device nor memory.swap.max has room.
 */
bool swapmig_may_swap(struct folio *folio)
{
	struct mem_cgroup *memcg = folio_memcg(folio);

	if (!folio_test_swapbacked(folio) || folio_test_swapcache(folio))
		return true;
	return (memcg ? mem_cgroup_get_nr_swap_pages(memcg) :
			get_nr_swap_pages()) > 0;
}

#ifdef CONFIG_MEMCG
/*
 * Bring the effective protection of @memcg up to date.  It depends on that of its
 * parent, so begin at the top, as reclaim does.
 */
static void swapmig_update_protection(struct mem_cgroup *memcg)
{
	struct mem_cgroup *done = root_mem_cgroup, *next;

	while (done != memcg) {
		for (next = memcg; parent_mem_cgroup(next) != done;)
			next = parent_mem_cgroup(next);
		mem_cgroup_calculate_protection(NULL, next);
		done = next;
	}
}

/* Base pages on @folios that are charged to @memcg or a group below it. */
static unsigned long swapmig_nr_charged(struct list_head *folios,
					struct mem_cgroup *memcg)
{
	unsigned long nr_pages = 0;
	struct folio *folio;

	list_for_each_entry(folio, folios, lru)
		if (folio_memcg(folio) && mem_cgroup_is_descendant(folio_memcg(folio), memcg))
			nr_pages += folio_nr_pages(folio);
	return nr_pages;
}

/* Base pages of @memcg that are under way, and will leave it. */
static unsigned long swapmig_in_flight(struct swapmig_call *call,
				       struct mem_cgroup *memcg)
{
	unsigned long nr_pages = swapmig_nr_charged(&call->late, memcg);
	int i;

	for (i = 0; i < SWAPMIG_IN_FLIGHT; i++)
		nr_pages += swapmig_nr_charged(&call->in_flight[i], memcg);
	return nr_pages;
}

/* How many base pages of @memcg memory.min or memory.low protect. */
static unsigned long swapmig_protection(struct mem_cgroup *memcg)
{
	unsigned long min, low;

	if (!memcg || !mem_cgroup_supports_protection(memcg))
		return 0;
	swapmig_update_protection(memcg);
	mem_cgroup_protection(root_mem_cgroup, memcg, &min, &low);
	return max(min, low);
}

/* How many base pages may @memcg lose before memory.min or memory.low protect it? */
static long swapmig_unprotected(struct swapmig_call *call, struct mem_cgroup *memcg)
{
	unsigned long protection = swapmig_protection(memcg), usage;

	if (!protection)
		return LONG_MAX;
	usage = page_counter_read(&memcg->memory);
	if (protection >= usage)
		return 0;
	return usage - protection - (long)swapmig_in_flight(call, memcg);
}

/**
 * swapmig_memcg_protected - does memory.min or memory.low protect pages of a group?
 * @memcg: the memory cgroup, or NULL
 *
 * Context: any.
 * Return: true if only a part of its pages may be evicted, or none.
 */
bool swapmig_memcg_protected(struct mem_cgroup *memcg)
{
	return swapmig_protection(memcg);
}

static int swapmig_cmp_memcg(void *priv, const struct list_head *a,
			     const struct list_head *b)
{
	struct mem_cgroup *memcg_a = folio_memcg(list_entry(a, struct folio, lru));
	struct mem_cgroup *memcg_b = folio_memcg(list_entry(b, struct folio, lru));

	return memcg_a == memcg_b ? 0 : memcg_a < memcg_b ? -1 : 1;
}

/* In cgroup v2, an isolated folio cannot be charged to another memory cgroup. */
static void swapmig_sort_by_memcg(struct list_head *folios)
{
	struct mem_cgroup *memcg = NULL;
	struct folio *folio;

	list_for_each_entry(folio, folios, lru) {
		if (memcg && folio_memcg(folio) != memcg) {
			list_sort(NULL, folios, swapmig_cmp_memcg);
			return;
		}
		memcg = folio_memcg(folio);
	}
}

/*
 * Reclaim leaves a memory cgroup alone whose usage is below memory.min or memory.low,
 * and so does eviction.  Move folios to @leftover that are protected.
 */
static void swapmig_keep_protected(struct swapmig_call *call,
				   struct list_head *folios)
{
	struct mem_cgroup *memcg = NULL;
	struct folio *folio, *next;
	long nr_left = LONG_MAX;

	swapmig_sort_by_memcg(folios);
	list_for_each_entry_safe_reverse(folio, next, folios, lru) {
		if (folio_memcg(folio) != memcg) {
			memcg = folio_memcg(folio);
			nr_left = swapmig_unprotected(call, memcg);
		}
		if (nr_left == LONG_MAX)
			continue;
		nr_left -= folio_nr_pages(folio);
		if (nr_left < 0)
			list_move(&folio->lru, &call->leftover);
	}
}
#else
bool swapmig_memcg_protected(struct mem_cgroup *memcg)
{
	return false;
}

static void swapmig_keep_protected(struct swapmig_call *call,
				   struct list_head *folios)
{
}
#endif

/*
 * Set a folio aside for the end of the pass: its write-back may have ended, but not dropped
 * the reference yet.  This can be true of a few folios only, and nobody else can use
 * isolated folios, so what exceeds a chunk is left over.
 */
static void swapmig_set_aside(struct swapmig_call *call, struct folio *folio)
{
	list_move(&folio->lru, call->nr_late < SWAPMIG_CHUNK_PAGES ?
		  &call->late : &call->leftover);
	call->nr_late += folio_nr_pages(folio);
}

/*
 * Free unused folios, and take out those that reclaim must not see.  Reclaim unmaps a page
 * before it finds a foreign reference and gives up.  The process then pays for getting the
 * page back from the swap cache.  Where SWAP_ENTRIES_EXCLUSIVE is false, its next write
 * even goes to a copy, which the holder of the reference, say a pipe, does not see.
 */
static void swapmig_filter_folios(struct swapmig_call *call, struct list_head *folios)
{
	struct folio *folio, *next;

	list_for_each_entry_safe(folio, next, folios, lru) {
		VM_WARN_ON_ONCE_FOLIO(folio_test_lru(folio), folio);
		if (swapmig_free_unused(folio) ||
		    (swapmig_may_swap(folio) && !swapmig_folio_pinned(folio)))
			continue;
		if (folio_test_swapcache(folio) && !folio_mapped(folio))
			swapmig_set_aside(call, folio);
		else
			list_move(&folio->lru, &call->leftover);
	}
}

/*
 * Reclaim leaves dirty file folios to the flusher threads.  Start to write those on
 * the list, neighbours together.
 *
 * While a folio is locked, it cannot be truncated: its mapping, inode and super block
 * exist.  Before it is unlocked, take references to the inode and the super block, as
 * an inode alone does not prevent an unmount.  As with flusher threads, umount(2)
 * waits for us; if it was first, it writes the folio itself.
 */
static void swapmig_write_dirty_files(struct list_head *folios)
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
 * Folios that are in the swap cache before they are evicted keep their slots: set the
 * refault nodes of these slots.  Do not wait for locked folios: they are left over.
 */
static void swapmig_redirect_folios(struct swapmig_call *call,
				    struct list_head *folios)
{
	struct folio *folio, *next;

	list_for_each_entry_safe(folio, next, folios, lru) {
		if (!folio_test_swapcache(folio))
			continue;
		if (!folio_trylock(folio)) {
			list_move(&folio->lru, &call->leftover);
			continue;
		}
		if (folio_test_swapcache(folio) &&
		    swapmig_refault_set_folio(&call->map, folio,
					      folio_swap_entry(folio)))
			list_move(&folio->lru, &call->leftover);
		folio_unlock(folio);
	}
}

/*
 * Reclaim unmaps a folio right before it writes it, with a TLB flush on all CPUs for
 * each.  Unmap all folios before that, with one flush.  Until the flush, CPUs with a
 * stale TLB entry can still write to an unlocked folio.  That is safe if the process
 * maps the same folio again, but not if it gets a copy, which misses these writes.
 * Where a copy is possible, leave the unmapping to reclaim.
 */
static void swapmig_unmap_folios(struct list_head *folios)
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

/* Have reclaim write and free folios of any kind.  Returns how many base pages it has freed. */
static unsigned int swapmig_reclaim(struct swapmig_call *call, struct list_head *folios)
{
	struct reclaim_state rs = { .refault_map = &call->map };
	unsigned int nr_freed;

	swapmig_filter_folios(call, folios);
	swapmig_write_dirty_files(folios);
	if (list_empty(folios))
		return 0;

	current->reclaim_state = &rs;
	if (SWAP_ENTRIES_EXCLUSIVE)
		swapmig_unmap_folios(folios);
	/* Reclaim does not tell what it has done with each folio, and may even split it. */
	swapmig_account_list(folios, -1);
	nr_freed = reclaim_isolated_folios(folios);
	swapmig_account_list(folios, 1);
	current->reclaim_state = NULL;
	return nr_freed;
}

static void swapmig_evict_round(struct swapmig_call *call,
				struct list_head *folios)
{
	unsigned int nr_freed;
	struct blk_plug plug;
	LIST_HEAD(written);

	blk_start_plug(&plug);
	nr_freed = swapmig_swapcache_write(folios, &written);
	nr_freed += swapmig_reclaim(call, folios);
	list_splice(&written, folios);
	blk_finish_plug(&plug);

	call->nr_evicted += nr_freed;
	count_vm_events(SWAPMIG_EVICTED, nr_freed);
}

static bool swapmig_wait_writeback(struct list_head *folios)
{
	struct folio *folio;

	list_for_each_entry_reverse(folio, folios, lru)
		if (folio_wait_writeback_killable(folio))
			return false;
	return !fatal_signal_pending(current);
}

/*
 * On the path "auto", a folio that the process has mapped again meanwhile is hot after
 * all: leave it over, so that it is moved.
 */
static void swapmig_keep_hot(struct swapmig_call *call, struct list_head *folios)
{
	struct folio *folio, *next;

	if (call->path != SWAPMIG_AUTO)
		return;
	list_for_each_entry_safe(folio, next, folios, lru)
		if (folio_test_swapbacked(folio) && folio_mapped(folio))
			list_move(&folio->lru, &call->leftover);
}

/*
 * Wait for the write-back of @folios, and for nothing else, and free them.  The first
 * round may still write some, and such a write may end at once.  Folios that later rounds
 * neither free nor write are set aside.
 */
static void swapmig_evict_reap(struct swapmig_call *call,
			       struct list_head *folios)
{
	struct folio *folio, *next;
	int round;

	for (round = 1; round < SWAPMIG_EVICT_ROUNDS && !list_empty(folios);
	     round++) {
		if (!swapmig_wait_writeback(folios))
			break;
		swapmig_keep_hot(call, folios);
		swapmig_evict_round(call, folios);
		list_for_each_entry_safe(folio, next, folios, lru)
			if (round > 1 && !folio_test_writeback(folio))
				swapmig_set_aside(call, folio);
	}
	list_splice_init(folios, &call->leftover);
}

#ifdef CONFIG_MEMCG
/*
 * Where most pages of a memory cgroup are under way, its reclaim finds little, and has one
 * of its processes killed.  If too many pages of @memcg or of a group above it are under
 * way, wait for a chunk that has some of them, and for no other: that may take much longer.
 * Returns false if there is nothing to wait for.
 */
static bool swapmig_reap_memcg(struct swapmig_call *call, struct mem_cgroup *memcg)
{
	unsigned int i, nr = call->nr_submitted;
	struct list_head *slot;
	unsigned long max;

	for (; memcg; memcg = parent_mem_cgroup(memcg)) {
		max = READ_ONCE(memcg->memory.max) / 4;
		if (max >= SWAPMIG_IN_FLIGHT * SWAPMIG_CHUNK_PAGES ||
		    swapmig_in_flight(call, memcg) <= max)
			continue;
		for (i = 0; i < SWAPMIG_IN_FLIGHT; i++) {
			slot = &call->in_flight[nr++ % SWAPMIG_IN_FLIGHT];
			if (swapmig_nr_charged(slot, memcg)) {
				swapmig_evict_reap(call, slot);
				return true;
			}
		}
	}
	return false;
}

/* @slot has just been submitted, and is mostly sorted by memory cgroup. */
static void swapmig_limit_memcg(struct swapmig_call *call, struct list_head *slot)
{
	struct mem_cgroup *memcg;
	struct folio *folio;

again:
	memcg = NULL;
	list_for_each_entry(folio, slot, lru) {
		if (folio_memcg(folio) == memcg)
			continue;
		memcg = folio_memcg(folio);
		if (swapmig_reap_memcg(call, memcg))
			goto again;
	}
}
#else
static void swapmig_limit_memcg(struct swapmig_call *call, struct list_head *slot)
{
}
#endif

/* With another chunk, would so much of a source node be isolated that others must wait? */
static bool swapmig_node_crowded(struct swapmig_call *call)
{
	int nid;

	for_each_node_mask(nid, call->map.sources) {
		struct pglist_data *pgdat = NODE_DATA(nid);
		unsigned long nr;

		/* A caller may name nodes that this machine cannot have. */
		if (!node_online(nid))
			continue;
		nr = node_page_state(pgdat, NR_ISOLATED_ANON);
		if (nr && nr + SWAPMIG_CHUNK_PAGES >
		    node_page_state(pgdat, NR_INACTIVE_ANON) / SWAPMIG_ISOLATED_SHARE)
			return true;
	}
	return false;
}

/* Wait for the oldest chunks if others would pay for what is under way. */
static void swapmig_limit_in_flight(struct swapmig_call *call, struct list_head *slot)
{
	unsigned int i;

	swapmig_limit_memcg(call, slot);
	for (i = 0; i < SWAPMIG_IN_FLIGHT && swapmig_node_crowded(call); i++)
		swapmig_evict_reap(call, &call->in_flight[(call->nr_submitted + i) %
							  SWAPMIG_IN_FLIGHT]);
}

/* Give the folios that have been set aside a little time. */
static void swapmig_evict_late(struct swapmig_call *call)
{
	int tick;

	for (tick = 0; tick < SWAPMIG_EVICT_TICKS && !list_empty(&call->late); tick++) {
		LIST_HEAD(folios);

		if (tick)
			schedule_timeout_killable(1);
		call->nr_late = 0;
		list_splice_init(&call->late, &folios);
		swapmig_evict_reap(call, &folios);
	}
	call->nr_late = 0;
	list_splice_init(&call->late, &call->leftover);
}

/**
 * swapmig_evict_make_room - make room in the ring for a chunk
 * @call: the call
 *
 * If SWAPMIG_IN_FLIGHT chunks are in flight, waits for the write-back of the oldest and frees
 * its folios.  This comes before the walk: what the walk unmaps should be written soon.
 *
 * Context: process context, sleeps; no locks held.
 */
void swapmig_evict_make_room(struct swapmig_call *call)
{
	swapmig_evict_reap(call, &call->in_flight[call->nr_submitted % SWAPMIG_IN_FLIGHT]);
}

/**
 * swapmig_evict - start to evict the folios of a chunk
 * @call: the call
 * @folios: isolated folios, the lowest address last; empty on return
 * @unmapped: isolated folios from swapmig_batch_migrate(); empty on return
 *
 * Unmaps the folios and starts to write them to swap; clean file folios are dropped.
 * The chunk stays in flight until SWAPMIG_IN_FLIGHT more chunks have been submitted or
 * swapmig_evict_finish() is called.  If the ring is full, waits for the oldest chunk
 * first.  If too much of a small memory cgroup or of the node is under way, waits for
 * that, too.  Puts folios that cannot be evicted, or that memory.min or memory.low
 * protects, on @call->leftover, still isolated.
 *
 * References do not protect a folio.  A folio counts as evicted when reclaim has freed
 * it.
 *
 * Context: process context, sleeps; no locks held.
 */
void swapmig_evict(struct swapmig_call *call, struct list_head *folios,
		   struct list_head *unmapped)
{
	struct list_head *slot;

	if (list_empty(folios) && list_empty(unmapped))
		return;

	swapmig_evict_make_room(call);
	slot = &call->in_flight[call->nr_submitted++ % SWAPMIG_IN_FLIGHT];
	swapmig_keep_protected(call, folios);
	swapmig_redirect_folios(call, folios);
	swapmig_keep_hot(call, unmapped);
	list_splice_init(folios, slot);
	list_splice_init(unmapped, slot);
	swapmig_evict_round(call, slot);
	swapmig_limit_in_flight(call, slot);
}

/**
 * swapmig_evict_finish - wait for all chunks in flight
 * @call: the call
 *
 * Waits for the write-back of all chunks in flight, oldest first, and frees their
 * folios.  Folios that something still refers to are given a few ticks, all of them
 * together.  Folios that cannot be evicted are put on @call->leftover, still isolated.
 * Does not wait if the caller has been killed.
 *
 * Context: process context, sleeps; no locks held.
 */
void swapmig_evict_finish(struct swapmig_call *call)
{
	int i;

	for (i = 0; i < SWAPMIG_IN_FLIGHT; i++)
		swapmig_evict_reap(call,
				   &call->in_flight[call->nr_submitted++ %
						    SWAPMIG_IN_FLIGHT]);
	swapmig_evict_late(call);
}
