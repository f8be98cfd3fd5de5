// SPDX-License-Identifier: GPL-2.0
/*
 * Swap migration: the common page, many at a time.
 *
 * migrate_pages() looks for the page-table entries of each page twice, by its reverse
 * mapping, and flushes the TLBs of all CPUs of the process for each page.  Reclaim looks
 * for them once.  The walk has these entries in its hands.  So it replaces them by migration
 * entries itself, with one flush for all of them.  This leaves a batch of locked, unmapped
 * folios.  Without mmap_lock, a group of them at a time is then copied and mapped, or
 * gets swap entries and is left to evict.c.
 *
 * Only folios that are mapped once and have no other user go this way: small ones, and huge
 * anonymous ones that a page middle directory maps, each of which is a batch of its own.  All
 * others go through migrate_pages() or reclaim, and so does a folio that turns out to have
 * another user after all.  Files and huge pages are always moved.  Their reverse mapping and
 * their place in the page cache are left to the functions that migrate_pages() calls.
 *
 * A thread that touches a page of the batch waits until its group has been mapped.  So
 * groups for which somebody waits go first, and nothing here waits for memory or I/O, with
 * one exception: allocating slots on a device with discard=pages may discard old slots.
 */
#include <linux/highmem.h>
#include <linux/memcontrol.h>
#include <linux/migrate.h>
#include <linux/mm_inline.h>
#include <linux/mmu_notifier.h>
#include <linux/page_owner.h>
#include <linux/pagemap.h>
#include <linux/rmap.h>
#include <linux/sched/mm.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#include <trace/events/migrate.h>

#include "../internal.h"
#include "../swap.h"
#include "lru.h"
#include "swapmig.h"

/* The flags that a folio of a batch must have, and those that it must not have. */
#define SWAPMIG_BATCH_FLAGS	(BIT(PG_lru) | BIT(PG_uptodate))
#define SWAPMIG_BATCH_FLAGS_NOT						\
	(BIT(PG_head) | BIT(PG_swapcache) | BIT(PG_unevictable) |	\
	 BIT(PG_writeback) | BIT(PG_private_2) | BIT(PG_reserved) |	\
	 __PG_MLOCKED | __PG_HWPOISON)

/* Anonymous folios must have and must not have these as well. */
#define SWAPMIG_BATCH_ANON_FLAGS	(SWAPMIG_BATCH_FLAGS | BIT(PG_swapbacked))
#define SWAPMIG_BATCH_ANON_FLAGS_NOT	(SWAPMIG_BATCH_FLAGS_NOT | BIT(PG_private))

/* The folios of a batch that are copied or given slots, and mapped, together. */
struct swapmig_group {
	unsigned int first;	/* the place of the group in the batch */
	unsigned int nr;
	struct folio **src;
	/* the copy, or @src itself if that is not copied */
	struct folio *dst[SWAPMIG_GROUP_PAGES];
	DECLARE_BITMAP(isolated, SWAPMIG_GROUP_PAGES);
	/* how often @dst has become mapped; zapping it may follow at once */
	unsigned short nr_mapped[SWAPMIG_GROUP_PAGES];
	bool by_rmap;		/* as that of the batch */
};

/**
 * swapmig_batch_suits - may pages of a mapping be added to a batch?
 * @vma: the mapping
 *
 * migrate_pages() and reclaim notify a device or guest of each of its pages that they take.
 * The walk could only notify it of whole page tables, with pages that stay, and would wait
 * for the device with folios locked.  The stack of a process in exec is about to be
 * shifted, without the locks that swapmig_group_map() relies on.  mlocked pages are left
 * to migrate_pages().
 *
 * Context: mmap_lock is held, and keeps the answer from changing.
 * Return: whether swapmig_batch_take() may be called for it.
 */
bool swapmig_batch_suits(struct vm_area_struct *vma)
{
	return !mm_has_notifiers(vma->vm_mm) && !(vma->vm_flags & VM_LOCKED) &&
	       !vma_is_temporary_stack(vma);
}

/* Does the folio have all flags of @want, and none of @want_not? */
static bool swapmig_batch_flags_fit(struct folio *folio, unsigned long want,
				    unsigned long want_not)
{
	return (READ_ONCE(folio->flags) & (want | want_not)) == want;
}

/*
 * Is the process's entry for this small anonymous folio all that refers to it?  A folio of
 * KSM has no anon_vma, even if only one entry is left that maps it.
 */
static bool swapmig_batch_fits(struct folio *folio)
{
	unsigned long mapping = (unsigned long)READ_ONCE(folio->mapping);

	return (mapping & PAGE_MAPPING_FLAGS) == PAGE_MAPPING_ANON &&
	       !atomic_read(&folio->_mapcount) && folio_ref_count(folio) == 1 &&
	       swapmig_batch_flags_fit(folio, SWAPMIG_BATCH_ANON_FLAGS,
				       SWAPMIG_BATCH_ANON_FLAGS_NOT);
}

/*
 * As swapmig_batch_fits(), for a small folio of the file that @vma maps.  The page cache
 * has a reference, and what the file system attaches to the folio.
 */
static bool swapmig_batch_fits_file(struct folio *folio, struct vm_area_struct *vma,
				    unsigned long addr)
{
	struct address_space *mapping = folio->mapping;

	return !atomic_read(&folio->_mapcount) &&
	       folio_ref_count(folio) == 2 + folio_test_private(folio) &&
	       swapmig_batch_flags_fit(folio, SWAPMIG_BATCH_FLAGS, SWAPMIG_BATCH_FLAGS_NOT) &&
	       mapping && vma->vm_file && vma->vm_file->f_mapping == mapping &&
	       folio->index == linear_page_index(vma, addr) &&
	       mapping->a_ops->migrate_folio;
}

/*
 * As swapmig_batch_fits(), for a huge anonymous folio that is mapped as a whole.  One that
 * waits to be split would still be on the list of its memory cgroup when it is freed.
 */
static bool swapmig_batch_fits_huge(struct folio *folio)
{
	return swapmig_batch_flags_fit(folio, SWAPMIG_BATCH_ANON_FLAGS | BIT(PG_head),
				       SWAPMIG_BATCH_ANON_FLAGS_NOT & ~BIT(PG_head)) &&
	       folio_test_anon(folio) && folio_entire_mapcount(folio) == 1 &&
	       folio_ref_count(folio) == 1 && !PageDoubleMap(&folio->page) &&
	       list_empty(&folio_page(folio, 2)->deferred_list);
}

/* For these alone, this file does what rmap.c does for all others. */
static bool swapmig_is_small_anon(struct swapmig_group *group, struct folio *folio)
{
	return !group->by_rmap || (folio_test_anon(folio) && !folio_test_large(folio));
}

static pte_t swapmig_batch_entry(struct folio *folio, pte_t pte, bool exclusive)
{
	unsigned long pfn = folio_pfn(folio);
	swp_entry_t entry;
	pte_t swp_pte;

	if (pte_write(pte))
		entry = make_writable_migration_entry(pfn);
	else if (exclusive)
		entry = make_readable_exclusive_migration_entry(pfn);
	else
		entry = make_readable_migration_entry(pfn);
	if (pte_young(pte))
		entry = make_migration_entry_young(entry);
	if (pte_dirty(pte))
		entry = make_migration_entry_dirty(entry);

	swp_pte = swp_entry_to_pte(entry);
	if (pte_soft_dirty(pte))
		swp_pte = pte_swp_mksoft_dirty(swp_pte);
	if (pte_uffd_wp(pte))
		swp_pte = pte_swp_mkuffd_wp(swp_pte);
	return swp_pte;
}

/* The reverse mapping of a folio must live until swapmig_group_map() has used it. */
static void swapmig_batch_get_anon_vma(struct swapmig_batch *batch, struct folio *folio)
{
	/* The folio was mapped, so its anon_vma is alive. */
	if (!(batch->nr % SWAPMIG_GROUP_PAGES) ||
	    batch->folios[batch->nr - 1]->mapping != folio->mapping)
		get_anon_vma(folio_anon_vma(folio));
}

/**
 * swapmig_batch_take - unmap a page and add it to the batch
 * @batch: the batch
 * @vma: the mapping, which swapmig_batch_suits()
 * @addr: an address in @vma
 * @ptep: the present page-table entry for @addr
 * @folio: the folio that it maps
 * @evict: it is to be evicted, not moved; only for anonymous pages
 *
 * Puts a migration entry in place of the page-table entry and locks the folio.  The
 * caller flushes the TLB before it drops mmap_lock.  swapmig_batch_migrate() then moves the
 * folio, puts a swap entry in place, or maps it again.
 *
 * The folio lock keeps out whatever could map the folio again or find it in the swap
 * cache.  mmap_lock keeps out fork.  So a folio that is found to be mapped once stays so.
 *
 * Context: mmap_lock and the page-table lock are held, and a flush of the TLB is pending, see
 * tlb_gather_mmu().  Does not sleep.
 * Return: whether the page has been taken; if not, it is as it was.
 */
bool swapmig_batch_take(struct swapmig_batch *batch, struct vm_area_struct *vma,
			unsigned long addr, pte_t *ptep, struct folio *folio, bool evict)
{
	bool anon = folio_test_anon(folio), exclusive;
	struct mm_struct *mm = vma->vm_mm;
	pte_t pte;

	mmap_assert_locked(mm);
	if (batch->nr == ARRAY_SIZE(batch->folios) || !folio_trylock(folio))
		return false;
	if (anon ? !swapmig_batch_fits(folio) : !swapmig_batch_fits_file(folio, vma, addr))
		goto unlock;

	flush_cache_page(vma, addr, folio_pfn(folio));
	pte = ptep_get_and_clear(mm, addr, ptep);
	/* See page_try_share_anon_rmap(): clear the entry first. */
	exclusive = anon && PageAnonExclusive(&folio->page);
	if (arch_unmap_one(mm, vma, addr, pte) < 0 ||
	    (exclusive && page_try_share_anon_rmap(&folio->page))) {
		set_pte_at(mm, addr, ptep, pte);
		goto unlock;
	}
	/* If no page cache or swap cache has the folio, the flag is all there is to set. */
	if (pte_dirty(pte) && anon)
		folio_set_dirty(folio);
	else if (pte_dirty(pte))
		folio_mark_dirty(folio);
	pte = swapmig_batch_entry(folio, pte, exclusive);
	set_pte_at(mm, addr, ptep, pte);
	trace_set_migration_pte(addr, pte_val(pte), 0);

	/*
	 * The reference of the entry becomes ours.  Dropping the mapcount is a full memory
	 * barrier: either GUP-fast finds the entry changed, or swapmig_group_copy() sees the
	 * reference that GUP-fast has taken.  For anonymous pages, swapmig_group_isolate()
	 * updates the statistics that page_remove_rmap() would.
	 */
	if (anon) {
		WARN_ON_ONCE(!atomic_add_negative(-1, &folio->_mapcount));
		swapmig_batch_get_anon_vma(batch, folio);
	} else {
		page_remove_rmap(&folio->page, vma, false);
		batch->by_rmap = true;
	}
	if (evict)
		__set_bit(batch->nr, batch->evict);
	batch->folios[batch->nr++] = folio;
	return true;
unlock:
	folio_unlock(folio);
	return false;
}

/**
 * swapmig_batch_take_huge - unmap a huge page and make it the only one of the batch
 * @batch: the batch, which is empty
 * @vma: the mapping, which swapmig_batch_suits()
 * @addr: the address of @page there
 * @pmd: the present entry that maps @page
 * @page: the head page
 *
 * As swapmig_batch_take(), but flushes the TLB itself.  The huge page is moved, or mapped
 * again.
 *
 * Context: mmap_lock and the lock of @pmd are held.  Does not sleep.
 * Return: whether the page has been taken; if not, it is as it was.
 */
bool swapmig_batch_take_huge(struct swapmig_batch *batch, struct vm_area_struct *vma,
			     unsigned long addr, pmd_t *pmd, struct page *page)
{
	struct page_vma_mapped_walk walk = {
		.vma = vma,
		.address = addr,
		.pmd = pmd,
	};
	struct folio *folio = page_folio(page);

	mmap_assert_locked(vma->vm_mm);
	if (batch->nr || !thp_migration_supported() || !folio_trylock(folio))
		return false;
	if (!swapmig_batch_fits_huge(folio))
		goto unlock;

	/* set_pmd_migration_entry() drops the reference of the entry. */
	folio_get(folio);
	if (set_pmd_migration_entry(&walk, page)) {
		folio_put(folio);
		goto unlock;
	}
	swapmig_batch_get_anon_vma(batch, folio);
	batch->by_rmap = true;
	batch->folios[batch->nr++] = folio;
	return true;
unlock:
	folio_unlock(folio);
	return false;
}

/*
 * Take those folios off the LRU that are on it, and count small anonymous ones as unmapped,
 * as page_remove_rmap() has done with all others.  The lock of a folio keeps it in its
 * memory cgroup, so these statistics stay right.  A group is small: of its folios, only
 * those that cannot be moved at once are accounted as isolated.
 */
static void swapmig_group_isolate(struct swapmig_group *group)
{
	struct swapmig_lru lru = { };
	unsigned int i;

	for (i = 0; i < group->nr; i++) {
		struct folio *folio = group->src[i];
		bool small_anon = swapmig_is_small_anon(group, folio);

		if (!swapmig_lru_isolate(&lru, folio)) {
			if (small_anon)
				mod_lruvec_page_state(&folio->page, NR_ANON_MAPPED, -1);
			continue;
		}
		__set_bit(i, group->isolated);
		lru.nr_mapped -= small_anon;
	}
	swapmig_lru_unlock(&lru);
}

/*
 * Put the copies on the LRU, as folio_add_lru() does.  This comes before they are mapped,
 * as mlock_vma_page() counts only folios that are on the LRU.
 */
static void swapmig_group_add_lru(struct swapmig_group *group)
{
	struct swapmig_lru lru = { };
	unsigned int i;

	for (i = 0; i < group->nr; i++) {
		struct folio *folio = group->dst[i];

		if (folio == group->src[i])
			continue;
		swapmig_lru_add(&lru, folio);
	}
	swapmig_lru_unlock(&lru);
}

/* Count what has been mapped, as page_add_anon_rmap() does, but once per LRU. */
static void swapmig_group_count(struct swapmig_group *group)
{
	struct lruvec *lruvec = NULL;
	unsigned int i, nr = 0;

	for (i = 0; i < group->nr; i++) {
		struct lruvec *next;

		if (!group->nr_mapped[i])
			continue;
		next = folio_lruvec(group->dst[i]);
		if (nr && next != lruvec) {
			mod_lruvec_state(lruvec, NR_ANON_MAPPED, nr);
			nr = 0;
		}
		lruvec = next;
		nr += group->nr_mapped[i];
	}
	if (nr)
		mod_lruvec_state(lruvec, NR_ANON_MAPPED, nr);
}

/*
 * Give slots to the folios that are to be evicted.  A task that touches such a folio while
 * it is being written finds it in the swap cache.  A folio for which there is no slot is
 * moved, and so is, on the path "auto", a folio that somebody waits for.
 */
static void swapmig_group_add_to_swap(struct swapmig_call *call,
				      struct swapmig_group *group)
{
	struct reclaim_state rs = { .refault_map = &call->map };
	unsigned int bit = group->first, end = bit + group->nr, i, nr = 0;
	bool protected = false, room = get_nr_swap_pages() > 0;
	struct folio *folios[SWAPMIG_GROUP_PAGES];
	swp_entry_t entries[SWAPMIG_GROUP_PAGES];
	struct mem_cgroup *memcg = NULL;
	unsigned int noreclaim_flag;

	bit = find_next_bit(call->batch.evict, end, bit);
	if (bit == end)
		return;

	noreclaim_flag = memalloc_noreclaim_save();
	current->reclaim_state = &rs;
	for_each_set_bit_from(bit, call->batch.evict, end) {
		struct folio *folio = group->src[i = bit - group->first];

		if (folio_memcg(folio) != memcg) {
			memcg = folio_memcg(folio);
			protected = swapmig_memcg_protected(memcg);
			room = swapmig_may_swap(folio);
		}
		/* MADV_FREE may have been faster than the walk. */
		if (protected || !test_bit(i, group->isolated) || folio_ref_count(folio) > 1 ||
		    !folio_test_swapbacked(folio)) {
			group->dst[i] = folio;
			continue;
		}
		if (!room || (call->path == SWAPMIG_AUTO && folio_test_waiters(folio)))
			continue;
		entries[nr] = folio_alloc_swap(folio);
		if (entries[nr].val)
			folios[nr++] = folio;
		else
			room = swapmig_may_swap(folio);
	}
	swapmig_swapcache_add(folios, entries, nr);
	for (i = 0; i < group->nr; i++)
		if (folio_test_swapcache(group->src[i]))
			group->dst[i] = group->src[i];
	current->reclaim_state = NULL;
	memalloc_noreclaim_restore(noreclaim_flag);
}

/*
 * Allocate copies.  Do not wait for reclaim here, as somebody may wait for the group;
 * migrate_pages() can wait later.  Where there is no memory, @dst stays NULL.
 */
static void swapmig_group_alloc(struct swapmig_group *group,
				const struct swapmig_nodemap *map)
{
	gfp_t gfp = (GFP_HIGHUSER_MOVABLE | __GFP_THISNODE | __GFP_NOWARN) &
		    ~__GFP_DIRECT_RECLAIM;
	struct page **pages = (struct page **)group->dst;
	struct folio *first = group->src[0];
	unsigned int i, end;

	/* A huge folio is alone. */
	if (folio_test_large(first)) {
		group->dst[0] = __folio_alloc(GFP_TRANSHUGE_LIGHT | __GFP_THISNODE,
					      folio_order(first),
					      map->target[folio_nid(first)], NULL);
		return;
	}

	for (i = 0; i < group->nr; i = end) {
		int nid = folio_nid(group->src[i]);
		unsigned long nr, had;

		for (end = i + 1; end < group->nr; end++)
			if (folio_nid(group->src[end]) != nid)
				break;
		nr = 0;
		do {
			had = nr;
			nr = alloc_pages_bulk_array_node(gfp, map->target[nid],
							 end - i, pages + i);
		} while (nr > had && nr < end - i);
	}
}

/*
 * The copy is charged in place of the folio, so nobody's usage changes.  While the copy is
 * made, both refer to the memory cgroup: mem_cgroup_migrate() finds nothing to do.
 */
static void swapmig_set_charge(struct folio *folio, struct folio *as)
{
#ifdef CONFIG_MEMCG
	WRITE_ONCE(folio->memcg_data, as ? as->memcg_data : 0);
#endif
}

/* Where copy_highpage() does nothing but copy, there is no need to take pages one by one. */
static void swapmig_copy_huge(struct folio *dst, struct folio *src)
{
#if defined(CONFIG_HIGHMEM) || defined(__HAVE_ARCH_COPY_HIGHPAGE)
	folio_copy(dst, src);
#else
	const size_t step = SWAP_CLUSTER_MAX * PAGE_SIZE;
	void *to = folio_address(dst), *from = folio_address(src);
	size_t left = folio_size(src);

	for (; left > step; left -= step, to += step, from += step) {
		memcpy(to, from, step);
		cond_resched();
	}
	memcpy(to, from, left);
#endif
}

static void swapmig_copy_anon(struct folio *dst, struct folio *src)
{
	dst->index = src->index;
	dst->mapping = src->mapping;
	__folio_set_swapbacked(dst);
	if (folio_test_large(src))
		swapmig_copy_huge(dst, src);
	else
		copy_highpage(&dst->page, &src->page);
	folio_migrate_flags(dst, src);
}

/* The file system copies its folio itself.  Where it would have to wait, it does not. */
static bool swapmig_copy_file(struct folio *dst, struct folio *src)
{
	struct address_space *mapping = src->mapping;

	if (mapping->a_ops->migrate_folio(mapping, dst, src, MIGRATE_ASYNC))
		return false;
	src->mapping = NULL;
	return true;
}

/* Copy the folio and all that belongs to it, or leave it as it is. */
static void swapmig_group_copy(struct swapmig_group *group, unsigned int i)
{
	struct folio *src = group->src[i], *dst = group->dst[i];
	bool anon, copied = false;

	if (dst == src)
		return;
	anon = !group->by_rmap || folio_test_anon(src);
	/* Any reference but ours may be used to access the folio. */
	if (dst && test_bit(i, group->isolated) &&
	    (!anon || folio_ref_count(src) == 1) && folio_trylock(dst)) {
		swapmig_set_charge(dst, src);
		if (anon)
			swapmig_copy_anon(dst, src);
		copied = anon || swapmig_copy_file(dst, src);
		swapmig_set_charge(copied ? src : dst, NULL);
		if (copied) {
			flush_dcache_folio(dst);
			set_page_owner_migrate_reason(&dst->page, MR_SYSCALL);
			return;
		}
		folio_unlock(dst);
	}
	if (dst)
		folio_put(dst);
	group->dst[i] = src;
}

/* As try_to_unmap_one(), for a small anonymous folio with a migration entry. */
static noinline bool swapmig_group_swap_pte(struct folio *folio, struct vm_area_struct *vma,
					    unsigned long addr, pte_t *ptep,
					    swp_entry_t migration)
{
	swp_entry_t entry = folio_swap_entry(folio);
	struct mm_struct *mm = vma->vm_mm;
	pte_t pte = swp_entry_to_pte(entry);

	if (swap_duplicate(entry) < 0)
		return false;
	if (list_empty(&mm->mmlist)) {
		spin_lock(&mmlist_lock);
		if (list_empty(&mm->mmlist))
			list_add(&mm->mmlist, &init_mm.mmlist);
		spin_unlock(&mmlist_lock);
	}
	update_hiwater_rss(mm);
	dec_mm_counter(mm, MM_ANONPAGES);
	inc_mm_counter(mm, MM_SWAPENTS);

	if (!is_readable_migration_entry(migration))
		pte = pte_swp_mkexclusive(pte);
	if (pte_swp_soft_dirty(*ptep))
		pte = pte_swp_mksoft_dirty(pte);
	if (pte_swp_uffd_wp(*ptep))
		pte = pte_swp_mkuffd_wp(pte);
	set_pte_at(mm, addr, ptep, pte);
	return true;
}

/* As remove_migration_pte(), for a small anonymous folio. */
static void swapmig_group_map_pte(struct swapmig_group *group, unsigned int i,
				  struct vm_area_struct *vma, unsigned long addr,
				  pte_t *ptep)
{
	struct folio *src = group->src[i], *dst = group->dst[i];
	swp_entry_t entry;
	pte_t pte;

	if (!is_swap_pte(*ptep))
		return;
	entry = pte_to_swp_entry(*ptep);
	if (!is_migration_entry(entry) || swp_offset_pfn(entry) != folio_pfn(src))
		return;
	/* mlock2(MLOCK_ONFAULT) may have come since the walk: what is mapped stays so. */
	if (dst == src && folio_test_swapcache(src) && !(vma->vm_flags & VM_LOCKED) &&
	    swapmig_group_swap_pte(src, vma, addr, ptep, entry))
		return;

	folio_get(dst);
	/* The permissions of the VMA may have changed. */
	pte = mk_pte(&dst->page, READ_ONCE(vma->vm_page_prot));
	if (pte_swp_soft_dirty(*ptep))
		pte = pte_mksoft_dirty(pte);
	if (!is_migration_entry_young(entry))
		pte = pte_mkold(pte);
	if (is_migration_entry_dirty(entry) && folio_test_dirty(dst))
		pte = pte_mkdirty(pte);
	if (is_writable_migration_entry(entry))
		pte = maybe_mkwrite(pte, vma);
	else if (pte_swp_uffd_wp(*ptep))
		pte = pte_mkuffd_wp(pte);
	else
		pte = pte_wrprotect(pte);

	/* As page_add_anon_rmap(); swapmig_group_count() updates the statistics. */
	if (atomic_inc_and_test(&dst->_mapcount))
		group->nr_mapped[i]++;
	if (!is_readable_migration_entry(entry))
		SetPageAnonExclusive(&dst->page);
	mlock_vma_page(&dst->page, vma, false);
	set_pte_at(vma->vm_mm, addr, ptep, pte);
	if (vma->vm_flags & VM_LOCKED)
		mlock_page_drain_local();
	trace_remove_migration_pte(addr, pte_val(pte), 0);
	/* The entry was not present before: nothing to flush. */
	update_mmu_cache(vma, addr, ptep);
}

/* Map those folios from @first to before @end that @vma has migration entries for. */
static void swapmig_group_map_vma(struct swapmig_group *group, unsigned int first,
				  unsigned int end, struct vm_area_struct *vma)
{
	unsigned long addr, start = 0, nr_pages = vma_pages(vma);
	struct mm_struct *mm = vma->vm_mm;
	spinlock_t *ptl = NULL;
	pte_t *table = NULL;
	pmd_t *pmd;

	for (; first < end; first++) {
		/* Where mappings are small, few of these folios are of this one: be quick. */
		addr = group->src[first]->index - vma->vm_pgoff;
		if (addr >= nr_pages)
			continue;
		addr = vma->vm_start + (addr << PAGE_SHIFT);
		if (!table || (addr & PMD_MASK) != start) {
			if (table)
				pte_unmap_unlock(table, ptl);
			table = NULL;
			start = addr & PMD_MASK;
			pmd = mm_find_pmd(mm, addr);
			if (!pmd || pmd_none_or_trans_huge_or_clear_bad(pmd))
				continue;
			table = pte_offset_map_lock(mm, pmd, start, &ptl);
		}
		swapmig_group_map_pte(group, first, vma, addr, table + pte_index(addr));
	}
	if (table)
		pte_unmap_unlock(table, ptl);
}

/*
 * Replace all migration entries.  Others may have moved, copied or zapped them, so find
 * them by the reverse mapping: once for all neighbours that share an anon_vma, not once
 * for each folio.  Neighbours are no more than a group apart, so that few VMAs are met
 * that map none of them.  mmap_lock cannot be taken: the task that holds it may wait for
 * one of these folios.  The base finds the entries of files and huge pages, one folio at
 * a time.
 */
static void swapmig_group_map(struct swapmig_group *group)
{
	unsigned int i, end;

	for (i = 0; i < group->nr; i = end) {
		struct folio *first = group->src[i];
		struct anon_vma *anon_vma = folio_anon_vma(first);
		pgoff_t low = first->index, high = low;
		struct anon_vma_chain *avc;

		end = i + 1;
		if (!swapmig_is_small_anon(group, first)) {
			remove_migration_ptes(first, group->dst[i], false);
			if (anon_vma)
				put_anon_vma(anon_vma);
			continue;
		}
		for (; end < group->nr; end++) {
			pgoff_t index = group->src[end]->index;

			if (group->src[end]->mapping != first->mapping ||
			    max(high, index) - min(low, index) >= SWAPMIG_GROUP_PAGES)
				break;
			low = min(low, index);
			high = max(high, index);
		}

		anon_vma_lock_read(anon_vma);
		anon_vma_interval_tree_foreach(avc, &anon_vma->rb_root, low, high) {
			swapmig_group_map_vma(group, i, end, avc->vma);
			cond_resched();
		}
		anon_vma_unlock_read(anon_vma);
		/* swapmig_batch_take() got one reference for all of these. */
		if (end == group->nr || group->src[end]->mapping != first->mapping)
			put_anon_vma(anon_vma);
	}
}

/* The list of @chunk for a folio of the batch that has been mapped again. */
static struct list_head *swapmig_batch_list(struct swapmig_call *call,
					    struct swapmig_chunk *chunk,
					    struct folio *folio, bool evict)
{
	if (evict)
		return &chunk->swap;
	if (!call->evict)
		return &chunk->unevictable;
	return folio_test_anon(folio) || folio_test_swapbacked(folio) ?
	       &chunk->direct : &chunk->files;
}

/* If an anonymous folio is not mapped, the process has freed it. */
static bool swapmig_group_arrived(struct swapmig_group *group, struct folio *dst)
{
	if (swapmig_is_small_anon(group, dst))
		return atomic_read(&dst->_mapcount) >= 0;
	return !folio_test_anon(dst) || folio_mapped(dst);
}

static void swapmig_group_migrate(struct swapmig_call *call, struct swapmig_group *group,
				  struct swapmig_chunk *chunk)
{
	struct page *old[SWAPMIG_GROUP_PAGES];
	unsigned int i, nr_copied = 0, nr_moved = 0;
	/* A huge folio is alone. */
	unsigned int nr_pages = group->by_rmap ? folio_nr_pages(group->src[0]) : 1;

	swapmig_group_isolate(group);
	swapmig_group_add_to_swap(call, group);
	swapmig_group_alloc(group, &call->map);
	for (i = 0; i < group->nr; i++)
		swapmig_group_copy(group, i);
	swapmig_group_add_lru(group);
	swapmig_group_map(group);
	swapmig_group_count(group);

	for (i = 0; i < group->nr; i++) {
		struct folio *src = group->src[i], *dst = group->dst[i];
		bool unmapped = dst == src && folio_test_swapcache(src), evict;

		/* This wakes up those who wait for a migration entry to go. */
		folio_unlock(src);
		if (dst != src) {
			nr_moved += swapmig_group_arrived(group, dst);
			folio_unlock(dst);
			folio_put(dst);
			old[nr_copied++] = &src->page;
		} else if (unmapped) {
			list_add(&src->lru, &chunk->unmapped);
		} else if (test_bit(i, group->isolated)) {
			swapmig_account_isolated(src, 1);
			evict = test_bit(group->first + i, call->batch.evict);
			list_add(&src->lru, swapmig_batch_list(call, chunk, src, evict));
		} else {
			/* If it is not mapped, the process has freed it. */
			if (folio_mapped(src))
				call->nr_busy += nr_pages;
			folio_put(src);
		}
	}
	release_pages(old, nr_copied);

	call->nr_moved += nr_moved * nr_pages;
	count_vm_events(SWAPMIG_MOVED, nr_moved * nr_pages);
	count_vm_events(PGMIGRATE_SUCCESS, nr_copied * nr_pages);
	if (nr_pages > 1)
		count_vm_events(THP_MIGRATION_SUCCESS, nr_copied);
}

static bool swapmig_batch_waiters(struct folio **folios, unsigned int nr)
{
	while (nr--)
		if (folio_test_waiters(*folios++))
			return true;
	return false;
}

/* The group for which somebody waits, or else the first of @groups. */
static unsigned int swapmig_batch_next(struct swapmig_batch *batch,
				       const unsigned long *groups)
{
	unsigned int i, first;

	for_each_set_bit(i, groups, SWAPMIG_BATCH_GROUPS) {
		first = i * SWAPMIG_GROUP_PAGES;
		if (swapmig_batch_waiters(batch->folios + first,
					  min_t(unsigned int, batch->nr - first,
						SWAPMIG_GROUP_PAGES)))
			return i;
	}
	return find_first_bit(groups, SWAPMIG_BATCH_GROUPS);
}

/**
 * swapmig_batch_migrate - move the folios of the batch, or give them slots
 * @call: the call
 * @chunk: its @unmapped gets the folios that have a slot and are unmapped; its other lists
 *	get the folios that have been mapped again.  The folios on the lists are isolated.
 *
 * Folios that are not on the LRU any more are mapped again and counted as busy.
 *
 * Context: process context; no locks held but those of the folios.
 */
void swapmig_batch_migrate(struct swapmig_call *call, struct swapmig_chunk *chunk)
{
	unsigned int nr_groups;
	DECLARE_BITMAP(groups, SWAPMIG_BATCH_GROUPS) = { };

	nr_groups = DIV_ROUND_UP(call->batch.nr, SWAPMIG_GROUP_PAGES);
	bitmap_set(groups, 0, nr_groups);
	for (; nr_groups; nr_groups--) {
		struct swapmig_group group = { .by_rmap = call->batch.by_rmap };
		unsigned int next;

		/* To look for waiters takes time, too: not for each group. */
		if (nr_groups % 2)
			next = find_first_bit(groups, SWAPMIG_BATCH_GROUPS);
		else
			next = swapmig_batch_next(&call->batch, groups);
		group.first = next * SWAPMIG_GROUP_PAGES;
		group.src = call->batch.folios + group.first;
		group.nr = min_t(unsigned int, call->batch.nr - group.first,
				 SWAPMIG_GROUP_PAGES);
		swapmig_group_migrate(call, &group, chunk);
		__clear_bit(next, groups);
		cond_resched();
	}
	call->batch.nr = 0;
	call->batch.by_rmap = false;
	bitmap_zero(call->batch.evict, SWAPMIG_CHUNK_PAGES);
	swapmig_account_list(&chunk->unmapped, 1);
}
