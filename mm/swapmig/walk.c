// SPDX-License-Identifier: GPL-2.0
/*
 * Swap migration: the page-table walk that isolates one chunk.
 *
 * This is all that a call does under mmap_lock, so it is bounded twice: by the
 * pages isolated and by the entries scanned.  A walk that reaches a limit notes
 * where it stopped, and the next walk continues there.
 */
#include <linux/hugetlb.h>
#include <linux/memcontrol.h>
#include <linux/mempolicy.h>
#include <linux/mm_inline.h>
#include <linux/mmu_notifier.h>
#include <linux/pagewalk.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#include <trace/events/swapmig.h>

#include <asm/tlb.h>

#include "../internal.h"
#include "../swap.h"
#include "lru.h"
#include "swapmig.h"

/*
 * The most VMAs, holes, page-table and page-cache entries scanned under one hold of
 * mmap_lock.  More than one page table, so that each walk makes progress.
 */
#define SWAPMIG_WALK_MAX_SCANNED	(8 * PTRS_PER_PTE)

/* The callbacks return this to end a walk that has reached a limit. */
#define SWAPMIG_WALK_PAUSED	(-EAGAIN)

struct swapmig_scan {
	struct swapmig_call *call;
	struct swapmig_chunk *chunk;
	unsigned int scanned;
	bool unnoted;		/* swapmig_seen_add() has failed */
	bool take;		/* pages of the current VMA may join the batch, see batch.c */
	bool choose;		/* each page has a path of its own */
	bool direct;		/* the current page takes the direct path */
	struct mmu_gather tlb;	/* what has joined the batch */
	bool may_evict_file;	/* the file of the current VMA */
	struct folio *done;	/* large folio that has been dealt with */
	struct folio *busy;	/* large folio that could not be isolated */
	spinlock_t *ptl;	/* held while page-table entries are looked at */
	struct swapmig_lru lru;
};

/* End the walk before @addr if it has scanned enough. */
static int swapmig_walk_pause(struct swapmig_scan *wc, unsigned long addr)
{
	if (wc->scanned < SWAPMIG_WALK_MAX_SCANNED)
		return 0;
	wc->call->next = addr;
	return SWAPMIG_WALK_PAUSED;
}

/*
 * On the path "auto", each page has a path of its own.  Returns false if a later pass takes the
 * current page.
 */
static bool swapmig_walk_choose(struct swapmig_scan *wc, bool hot)
{
	if (!wc->choose)
		return true;
	wc->direct = hot;
	return hot || !wc->call->hot_only;
}

/*
 * Isolate the folio of @page, or count it as busy.  @nr is the number of pages that the
 * entry for @addr maps, 0 if the page is in the swap cache only.  The caller holds
 * the page-table lock or a reference.  The caller calls swapmig_lru_unlock() before it
 * drops either or takes another lock.  Returns false if the chunk is full.
 */
static bool swapmig_walk_page(struct swapmig_scan *wc, struct vm_area_struct *vma,
			      unsigned long addr, struct page *page, unsigned int nr)
{
	struct folio *folio = page_folio(page);
	unsigned int nr_pages = folio_nr_pages(folio);
	struct swapmig_chunk *chunk = wc->chunk;
	struct list_head *list;
	bool shared = false;

	/* In the swap cache, the caller may have a reference instead. */
	if (nr)
		lockdep_assert_held(wc->ptl);
	if (folio == wc->done || !node_isset(folio_nid(folio), wc->call->map.sources))
		return true;
	if (folio_is_zone_device(folio) || folio_test_reserved(folio))
		return true;
	/* The memory of a driver is neither anonymous nor of a file. */
	if (!folio_test_anon(folio) && !folio_mapping(folio))
		return true;
	if (folio == wc->busy)
		goto busy;
	if (!wc->call->evict_shared) {
		swapmig_lru_unlock(&wc->lru);
		if (!folio_trylock(folio))
			goto busy;
		shared = swapmig_folio_shared(vma, addr, page, nr);
		folio_unlock(folio);
		/* This has looked at each page of a huge page in pieces. */
		if (nr != nr_pages)
			wc->scanned += nr_pages - 1;
	}
	if (shared && !wc->call->shared) {
		if (nr && folio_test_large(folio))
			wc->done = folio;
		return true;
	}

	if (chunk->nr_pages && chunk->nr_pages + nr_pages > SWAPMIG_CHUNK_PAGES)
		return false;
	if (!swapmig_lru_isolate(&wc->lru, folio))
		goto busy;
	folio_get(folio);

	if (!wc->call->evict || shared || (vma->vm_flags & VM_LOCKED) ||
	    folio_test_mlocked(folio) || folio_test_unevictable(folio) ||
	    (!folio_test_anon(folio) && !wc->may_evict_file))
		list = &chunk->unevictable;
	else if (!folio_test_anon(folio) && !folio_test_swapbacked(folio))
		list = &chunk->files;
	else if (wc->direct &&
		 (wc->call->path == SWAPMIG_DIRECT || folio_test_swapbacked(folio)))
		list = &chunk->direct;
	else
		list = &chunk->swap;
	list_add(&folio->lru, list);
	chunk->nr_pages += nr_pages;
	if (folio_test_large(folio))
		wc->done = folio;
	return true;
busy:
	if (folio_test_large(folio))
		wc->busy = folio;
	wc->call->nr_busy += nr ?: 1;
	return true;
}

/*
 * Set the refault node of a page that is in swap already.  @lock is that of the
 * page-table or page-cache entry: it keeps the slot from being freed, as
 * swapmig_refault_set() requires.
 */
static void swapmig_redirect_slot(struct swapmig_scan *wc, swp_entry_t entry,
				  spinlock_t *lock)
{
	int nid = swapmig_refault_get(entry);

	lockdep_assert_held(lock);
	if (nid == NUMA_NO_NODE)
		nid = swapmig_refault_origin(entry);
	nid = swapmig_nodemap_refault(&wc->call->map, nid);
	if (nid != NUMA_NO_NODE && swapmig_refault_set(entry, 1, nid))
		wc->call->nr_busy++;
}

/*
 * A present page may have kept its slot.  Unless somebody writes to the page, it is
 * evicted to the same slot, so the refault node of that slot must not be a source either.
 * Without the right to evict shared pages, leave a slot alone that has other users.
 * Returns false if the folio is busy.
 */
static bool swapmig_redirect_present(struct swapmig_scan *wc,
				     struct folio *folio, struct page *page)
{
	swp_entry_t entry;
	int nid;

	swapmig_lru_unlock(&wc->lru);
	if (!folio_trylock(folio)) {
		wc->call->nr_busy++;
		return false;
	}
	if (folio_test_swapcache(folio)) {
		entry.val = page_private(page);
		nid = swapmig_refault_get(entry);
		if (nid != NUMA_NO_NODE && node_isset(nid, wc->call->map.sources) &&
		    (wc->call->evict_shared || !__swap_count(entry)))
			swapmig_redirect_slot(wc, entry, wc->ptl);
	}
	folio_unlock(folio);
	return true;
}

/*
 * May the pages of the file join the batch?  Where others of the batch get slots, that may
 * discard what is on the device.  A loop device would then wait for pages of its file.
 * Nothing in the batch marks a file as one that must not be evicted.
 */
static bool swapmig_walk_may_take_file(struct swapmig_scan *wc)
{
	return !wc->call->evict || (wc->may_evict_file &&
		(wc->call->path == SWAPMIG_DIRECT || wc->call->hot_only));
}

/* Unmap the page, if it is a common one and there is room in the chunk. */
static bool swapmig_walk_take(struct swapmig_scan *wc, struct vm_area_struct *vma,
			      unsigned long addr, pte_t *pte, struct folio *folio)
{
	bool evict = !wc->direct;

	if (!wc->take || wc->chunk->nr_pages >= SWAPMIG_CHUNK_PAGES)
		return false;
	if (!folio_test_anon(folio)) {
		if (!swapmig_walk_may_take_file(wc))
			return false;
		evict = false;
	} else if (evict && !SWAP_ENTRIES_EXCLUSIVE) {
		return false;
	}

	/* A long row of pages that are taken would keep the LRU locked. */
	swapmig_lru_unlock(&wc->lru);
	if (!swapmig_batch_take(&wc->call->batch, vma, addr, pte, folio, evict))
		return false;

	wc->chunk->nr_pages++;
	tlb_flush_pte_range(&wc->tlb, addr, PAGE_SIZE);
	return true;
}

/* A huge page fills a chunk. */
static bool swapmig_walk_take_huge(struct swapmig_scan *wc, struct vm_area_struct *vma,
				   unsigned long addr, pmd_t *pmd, struct page *page)
{
	if (!wc->take || !wc->direct || wc->chunk->nr_pages ||
	    !swapmig_batch_take_huge(&wc->call->batch, vma, addr, pmd, page))
		return false;
	wc->chunk->nr_pages = max_t(unsigned int, HPAGE_PMD_NR, SWAPMIG_CHUNK_PAGES);
	return true;
}

/* Is the page of a PTE hot?  For a large folio, all its entries up to @end count. */
static bool swapmig_walk_hot(struct swapmig_scan *wc, struct vm_area_struct *vma,
			     unsigned long addr, unsigned long end, pte_t *pte,
			     struct page *page)
{
	struct folio *folio = page_folio(page);
	unsigned int nr = 1;

	if (folio_test_large(folio)) {
		nr = min_t(unsigned long, folio_nr_pages(folio) - folio_page_idx(folio, page),
			   (end - addr) >> PAGE_SHIFT);
		wc->scanned += nr - 1;
	}
	/* This may take long, and notifiers take locks that need interrupts enabled. */
	if (nr > 1 || mm_has_notifiers(vma->vm_mm))
		swapmig_lru_unlock(&wc->lru);
	return swapmig_hot_ptes(vma, addr, pte, nr);
}

/* As swapmig_walk_page(), for a page that a PTE maps in a table that ends at @end. */
static bool swapmig_walk_present(struct swapmig_scan *wc, struct vm_area_struct *vma,
				 unsigned long addr, unsigned long end, pte_t *pte,
				 struct page *page)
{
	struct folio *folio = page_folio(page);

	if (!node_isset(folio_nid(folio), wc->call->map.sources)) {
		if (folio_test_swapcache(folio))
			swapmig_redirect_present(wc, folio, page);
		return true;
	}
	if (wc->choose) {
		if (folio == wc->done)
			return true;
		if (!swapmig_walk_choose(wc, swapmig_walk_hot(wc, vma, addr, end, pte, page))) {
			if (folio_test_large(folio))
				wc->done = folio;
			return true;
		}
	}
	if (swapmig_walk_take(wc, vma, addr, pte, folio))
		return true;
	if (folio_test_swapcache(folio) &&
	    !swapmig_redirect_present(wc, folio, page))
		return true;
	return swapmig_walk_page(wc, vma, addr, page, 1);
}

/*
 * A page in swap may have a frame on a source node as well, in the swap cache.  @folio
 * is NULL or comes from swapmig_get_swap_cache(); its reference is dropped.  Returns
 * false if the chunk is full.
 */
static bool swapmig_walk_swap_cache(struct swapmig_scan *wc, struct vm_area_struct *vma,
				    unsigned long addr, swp_entry_t entry,
				 struct folio *folio)
{
	bool taken;

	if (!folio)
		return true;
	swapmig_walk_choose(wc, false);
	taken = swapmig_walk_page(wc, vma, addr,
				  folio_file_page(folio, swp_offset(entry)), 0);
	swapmig_lru_unlock(&wc->lru);
	folio_put(folio);
	return taken;
}

/*
 * The page at @index was in swap, in the slot of @entry.  Returns false if the chunk is full.
 */
static bool swapmig_walk_shmem_entry(struct swapmig_scan *wc,
				     struct vm_area_struct *vma,
				     unsigned long index, void *entry)
{
	struct xarray *pages = &vma->vm_file->f_mapping->i_pages;
	swp_entry_t swap = radix_to_swp_entry(entry);
	struct folio *folio = NULL;

	if (non_swap_entry(swap))
		return true;

	xa_lock_irq(pages);
	if (xa_load(pages, index) == entry) {
		swapmig_redirect_slot(wc, swap, &pages->xa_lock);
		folio = swapmig_get_swap_cache(swap);
	}
	xa_unlock_irq(pages);

	return swapmig_walk_swap_cache(wc, vma, vma->vm_start, swap, folio);
}

/* Look at those of the pages from @first to @last that are in swap. */
static int swapmig_walk_page_cache(struct swapmig_scan *wc, struct vm_area_struct *vma,
				   pgoff_t first, pgoff_t last)
{
	struct address_space *mapping = vma->vm_file->f_mapping;
	XA_STATE(xas, &mapping->i_pages, first);
	pgoff_t next = last + 1;
	bool taken = true;
	void *entry;

	/* Even a look at no page takes time. */
	if (wc->scanned++ >= SWAPMIG_WALK_MAX_SCANNED)
		return SWAPMIG_WALK_PAUSED;

	rcu_read_lock();
	xas_for_each(&xas, entry, last) {
		if (xas_retry(&xas, entry))
			continue;
		if (wc->scanned >= SWAPMIG_WALK_MAX_SCANNED) {
			next = xas.xa_index;
			break;
		}
		wc->scanned++;
		if (!xa_is_value(entry))
			continue;

		next = xas.xa_index;
		xas_pause(&xas);
		rcu_read_unlock();
		taken = swapmig_walk_shmem_entry(wc, vma, next, entry);
		rcu_read_lock();
		if (!taken)
			break;
		next = last + 1;
	}
	rcu_read_unlock();

	/*
	 * If the part cannot be noted, this walk looks at no more of the page cache.  It goes
	 * on with the page table: the next walk would only look at the same part again.
	 */
	if (next > first &&
	    swapmig_seen_add(&wc->call->seen, mapping, first, next - 1)) {
		wc->call->nr_busy++;
		wc->unnoted = true;
		wc->scanned = 0;
		return 0;
	}
	return next > last ? 0 : SWAPMIG_WALK_PAUSED;
}

/*
 * The page tables do not show shared memory that is in swap: only the page cache does.
 * Each part of a file is looked at once, however often it is mapped, before the page
 * tables of its first mapping.  Nothing tells whether a page there has other users, so
 * this takes the right to evict shared pages.
 */
static int swapmig_walk_shmem(struct swapmig_scan *wc, struct vm_area_struct *vma,
			      unsigned long start, unsigned long end)
{
	pgoff_t first = linear_page_index(vma, start), last, end_index;
	struct address_space *mapping;
	int err = 0;

	if (!wc->call->evict_shared || !vma->vm_file || wc->call->hot_only)
		return 0;
	mapping = vma->vm_file->f_mapping;
	if (!shmem_mapping(mapping) || !READ_ONCE(SHMEM_I(mapping->host)->swapped))
		return 0;
	if (wc->unnoted) {
		wc->call->next = start;
		return SWAPMIG_WALK_PAUSED;
	}
	wc->done = NULL;
	wc->busy = NULL;
	end_index = linear_page_index(vma, end - 1);
	for (last = end_index;
	     !err && !wc->unnoted &&
	     swapmig_seen_next(&wc->call->seen, mapping, &first, &last);
	     first = last + 1, last = end_index)
		err = swapmig_walk_page_cache(wc, vma, first, last);
	if (err)
		wc->call->next = start;
	return err;
}

static int swapmig_walk_vma(unsigned long start, unsigned long end,
			    struct mm_walk *walk)
{
	struct vm_area_struct *vma = walk->vma;
	struct swapmig_scan *wc = walk->private;
	int err = swapmig_walk_pause(wc, start);

	if (err)
		return err;
	wc->scanned++;
	/* hugetlb pages count, even those that this machine cannot move. */
	if (!vma_migratable(vma) && !is_vm_hugetlb_page(vma))
		return 1;
	wc->may_evict_file = swapmig_may_evict_file(vma);
	wc->take = swapmig_batch_suits(vma);
	return swapmig_walk_shmem(wc, vma, start, end);
}

static int swapmig_walk_hole(unsigned long addr, unsigned long next, int depth,
			     struct mm_walk *walk)
{
	struct swapmig_scan *wc = walk->private;

	wc->scanned++;
	return swapmig_walk_pause(wc, next);
}

static bool swapmig_on_source(struct swapmig_scan *wc, swp_entry_t migration)
{
	return node_isset(page_to_nid(pfn_swap_entry_to_page(migration)),
			  wc->call->map.sources);
}

static int swapmig_walk_huge_pmd(pmd_t *pmd, unsigned long addr,
				 struct mm_walk *walk)
{
	struct swapmig_scan *wc = walk->private;
	struct page *page;

	wc->scanned++;
	if (is_pmd_migration_entry(*pmd)) {
		if (swapmig_on_source(wc, pmd_to_swp_entry(*pmd)))
			wc->call->nr_busy += HPAGE_PMD_NR;
		return 0;
	}
	if (!pmd_present(*pmd) || pmd_devmap(*pmd))
		return 0;

	page = pmd_page(*pmd);
	if (is_huge_zero_page(page) ||
	    !node_isset(page_to_nid(page), wc->call->map.sources) ||
	    !swapmig_walk_choose(wc, swapmig_hot_pmd(walk->vma, addr, pmd)) ||
	    swapmig_walk_take_huge(wc, walk->vma, addr, pmd, page) ||
	    swapmig_walk_page(wc, walk->vma, addr, page, HPAGE_PMD_NR))
		return 0;
	wc->call->next = addr;
	return SWAPMIG_WALK_PAUSED;
}

static int swapmig_walk_pmd(pmd_t *pmd, unsigned long addr, unsigned long end,
			    struct mm_walk *walk)
{
	struct vm_area_struct *vma = walk->vma;
	struct swapmig_scan *wc = walk->private;
	pte_t *mapped_pte, *pte;
	struct page *page;
	spinlock_t *ptl;
	int err = swapmig_walk_pause(wc, addr);

	mmap_assert_locked(walk->mm);
	if (err)
		return err;

	wc->done = NULL;
	wc->busy = NULL;
	ptl = pmd_trans_huge_lock(pmd, vma);
	if (ptl) {
		wc->ptl = ptl;
		err = swapmig_walk_huge_pmd(pmd, addr, walk);
		swapmig_lru_unlock(&wc->lru);
		wc->ptl = NULL;
		spin_unlock(ptl);
		return err;
	}
	if (pmd_trans_unstable(pmd)) {
		walk->action = ACTION_AGAIN;
		return 0;
	}

	mapped_pte = pte_offset_map_lock(walk->mm, pmd, addr, &ptl);
	wc->ptl = ptl;
	for (pte = mapped_pte; addr != end; pte++, addr += PAGE_SIZE) {
		/* The previous page may have been a huge page in pieces, which counts more. */
		err = swapmig_walk_pause(wc, addr);
		if (err)
			break;
		wc->scanned++;
		if (pte_none(*pte) || (wc->call->hot_only && !pte_present(*pte)))
			continue;
		if (!pte_present(*pte)) {
			swp_entry_t entry = pte_to_swp_entry(*pte);

			if (!non_swap_entry(entry)) {
				swapmig_lru_unlock(&wc->lru);
				if (!wc->call->evict_shared &&
				    swapmig_slot_shared(entry, ptl,
							&wc->call->nr_busy))
					continue;
				swapmig_redirect_slot(wc, entry, ptl);
				if (swapmig_walk_swap_cache(wc, vma, addr, entry,
							    swapmig_get_swap_cache(entry)))
					continue;
				wc->call->next = addr;
				err = SWAPMIG_WALK_PAUSED;
				break;
			}
			if (is_migration_entry(entry) && swapmig_on_source(wc, entry))
				wc->call->nr_busy++;
			continue;
		}

		page = swapmig_normal_page(vma, addr, *pte);
		if (page && !swapmig_walk_present(wc, vma, addr, end, pte, page)) {
			wc->call->next = addr;
			err = SWAPMIG_WALK_PAUSED;
			break;
		}
	}
	swapmig_lru_unlock(&wc->lru);
	wc->ptl = NULL;
	pte_unmap_unlock(mapped_pte, ptl);
	return err;
}

#ifdef CONFIG_HUGETLB_PAGE
static int swapmig_walk_hugetlb(pte_t *pte, unsigned long hmask, unsigned long addr,
				unsigned long end, struct mm_walk *walk)
{
	struct hstate *h = hstate_vma(walk->vma);
	unsigned int nr_pages = pages_per_huge_page(h);
	struct swapmig_scan *wc = walk->private;
	int err = swapmig_walk_pause(wc, addr);
	struct page *page;
	spinlock_t *ptl;
	pte_t entry;

	if (err)
		return err;
	wc->scanned++;

	ptl = huge_pte_lock(h, walk->mm, pte);
	entry = huge_ptep_get(pte);
	if (!pte_present(entry)) {
		if (is_swap_pte(entry) &&
		    is_migration_entry(pte_to_swp_entry(entry)) &&
		    swapmig_on_source(wc, pte_to_swp_entry(entry)))
			wc->call->nr_busy += nr_pages;
		goto unlock;
	}

	page = pte_page(entry);
	if (!node_isset(page_to_nid(page), wc->call->map.sources))
		goto unlock;
	if (!wc->call->shared &&
	    (page_mapcount(page) != 1 || hugetlb_pmd_shared(pte)))
		goto unlock;

	if (wc->chunk->nr_pages &&
	    wc->chunk->nr_pages + nr_pages > SWAPMIG_CHUNK_PAGES) {
		wc->call->next = addr;
		err = SWAPMIG_WALK_PAUSED;
	} else if (folio_isolate_hugetlb(page, &wc->chunk->unevictable)) {
		wc->call->nr_busy += nr_pages;
	} else {
		wc->chunk->nr_pages += nr_pages;
	}
unlock:
	spin_unlock(ptl);
	return err;
}
#else
#define swapmig_walk_hugetlb	NULL
#endif

static int swapmig_walk_pre_vma(unsigned long start, unsigned long end, struct mm_walk *walk)
{
	struct swapmig_scan *wc = walk->private;

	tlb_start_vma(&wc->tlb, walk->vma);
	return 0;
}

/* Architectures that cannot flush the ranges of several VMAs at once flush here. */
static void swapmig_walk_post_vma(struct mm_walk *walk)
{
	struct swapmig_scan *wc = walk->private;

	tlb_end_vma(&wc->tlb, walk->vma);
}

static const struct mm_walk_ops swapmig_walk_ops = {
	.test_walk	= swapmig_walk_vma,
	.pte_hole	= swapmig_walk_hole,
	.pmd_entry	= swapmig_walk_pmd,
	.hugetlb_entry	= swapmig_walk_hugetlb,
	.pre_vma	= swapmig_walk_pre_vma,
	.post_vma	= swapmig_walk_post_vma,
};

/**
 * swapmig_walk - isolate the next chunk of the process's pages
 * @call: the call; the walk starts at its @next and moves it forward
 * @chunk: an empty chunk to fill
 *
 * Isolates pages that are mapped and on a source node, up to SWAPMIG_CHUNK_PAGES base
 * pages.  Common pages are unmapped at once and added to the batch of @call: see
 * swapmig_batch_take().  Pages that are off the LRU or under migration are counted as
 * busy.  Pages that are in swap get their refault nodes.
 *
 * A reference to the address space is held only during the walk: a process that exits
 * between two chunks frees its memory at once.
 *
 * Context: process context, sleeps; takes and releases mmap_lock for reading.
 * Return: 1 if there is more to walk, 0 at the end of the address space, -ESRCH
 * if the process has exited, -EINTR if the caller has been killed.
 */
int swapmig_walk(struct swapmig_call *call, struct swapmig_chunk *chunk)
{
	struct swapmig_scan wc = {
		.call = call,
		.chunk = chunk,
	};
	struct mm_struct *mm = call->mm;
	int err;

	if (!mmget_not_zero(mm))
		return -ESRCH;

	err = mmap_read_lock_killable(mm);
	if (!err) {
		wc.choose = call->path == SWAPMIG_AUTO;
		wc.direct = call->path == SWAPMIG_DIRECT || !call->evict;
		/* One flush for all.  Tasks that zap pages meanwhile see that it is pending. */
		tlb_gather_mmu(&wc.tlb, mm);
		err = walk_page_range(mm, call->next, mm->task_size,
				      &swapmig_walk_ops, &wc);
		tlb_finish_mmu(&wc.tlb);
		mmap_read_unlock(mm);
		swapmig_account_list(&chunk->swap, 1);
		swapmig_account_list(&chunk->direct, 1);
		swapmig_account_list(&chunk->files, 1);
		swapmig_account_list(&chunk->unevictable, 1);
		trace_swapmig_chunk(mm, call->next, chunk->nr_pages, wc.scanned);
		if (err == SWAPMIG_WALK_PAUSED)
			err = call->next < mm->task_size;
	}
	/*
	 * Dropping the last reference calls exit_mmap() and others, which may wait for a task
	 * that waits for a folio of the batch.
	 */
	if (call->batch.nr)
		mmput_async(mm);
	else
		mmput(mm);
	return err;
}
