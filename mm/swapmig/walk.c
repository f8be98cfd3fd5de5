// SPDX-License-Identifier: GPL-2.0
/*
 * Swap migration: the page-table walk that isolates one chunk.
 *
 * This is all that a call does under mmap_lock, so it is bounded twice: by the
 * pages isolated and, where there is little to isolate, by the entries looked
 * at.  A walk that has had enough notes where it stopped; the next one goes on
 * from there.
 */
#include <linux/hugetlb.h>
#include <linux/memcontrol.h>
#include <linux/mempolicy.h>
#include <linux/mm_inline.h>
#include <linux/pagewalk.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>
#include <linux/swap.h>
#include <linux/swapops.h>
#include <trace/events/swapmig.h>

#include "../internal.h"
#include "../swap.h"
#include "swapmig.h"

/*
 * The most VMAs, holes, page-table and page-cache entries looked at under one
 * mmap_lock.  Several page tables: a walk that pauses must have come forward.
 */
#define WALK_MAX_LOOKED	(8 * PTRS_PER_PTE)

/* What the callbacks return to end a walk whose chunk is complete. */
#define WALK_FULL	(-EAGAIN)

struct walk {
	struct swapmig_call *call;
	struct swapmig_chunk *chunk;
	unsigned int looked;
	bool may_evict_file;	/* of the VMA being walked */
	struct folio *done;	/* large, and need not be looked at again */
	struct folio *busy;	/* large, and could not be isolated */
	struct lruvec *lruvec;	/* the one whose lock is held */
	unsigned int isolated;
};

/*
 * End the walk before @addr if it has lasted long enough, but do not go back to where the
 * page table has filled the chunk already.
 */
static int walk_pause(struct walk *w, unsigned long addr)
{
	if (w->looked < WALK_MAX_LOOKED || w->call->next > addr)
		return 0;
	w->call->next = addr;
	return WALK_FULL;
}

/*
 * A caller that cannot write a file must not drop its pages from the page cache:
 * the time its next reader needs would tell them when it is read.  A file system
 * that has to wait to answer does so with a no, as mmap_lock is held.  The files
 * behind System V shared memory allow everything to all; what has been allowed
 * shows in how they are open.
 */
static bool may_evict_file(struct vm_area_struct *vma)
{
	bool may;

	if (!vma->vm_file || file_owner_or_capable(vma->vm_file))
		return true;
	if (IS_PRIVATE(file_inode(vma->vm_file)))
		return vma->vm_file->f_mode & FMODE_WRITE;

	rcu_read_lock();
	may = !file_permission(vma->vm_file, MAY_WRITE | MAY_NOT_BLOCK);
	rcu_read_unlock();
	return may;
}

static int walk_vma(unsigned long start, unsigned long end,
		    struct mm_walk *walk)
{
	struct vm_area_struct *vma = walk->vma;
	struct walk *w = walk->private;
	int err = walk_pause(w, start);

	if (err)
		return err;
	w->looked++;
	/* Huge pages that this machine cannot move are left behind: count them. */
	if (!vma_migratable(vma) && !is_vm_hugetlb_page(vma))
		return 1;
	w->may_evict_file = may_evict_file(vma);
	return 0;
}

/*
 * Has the target, at @addr, @page mapped or in swap in the slot @entry? Looks, without a
 * lock, beside what @vma maps.
 */
static bool has(struct vm_area_struct *vma, unsigned long addr,
		struct page *page, swp_entry_t entry)
{
	struct mm_struct *mm = vma->vm_mm;
	pte_t *ptep, pte;
	pmd_t *pmd;

	if (addr < vma->vm_start || addr >= vma->vm_end) {
		vma = vma_lookup(mm, addr);
		if (!vma || !vma_is_anonymous(vma))
			return false;
	}
	pmd = mm_find_pmd(mm, addr);
	if (!pmd || pmd_trans_unstable(pmd))
		return false;
	ptep = pte_offset_map(pmd, addr);
	pte = ptep_get_lockless(ptep);
	pte_unmap(ptep);
	if (pte_present(pte))
		return pte_pfn(pte) == page_to_pfn(page);
	return entry.val && is_swap_pte(pte) &&
	       pte_to_swp_entry(pte).val == entry.val;
}

/*
 * Do others have pages of the folio of @page, too, which may not be this very page? As
 * walk_take(). The target's own are looked for where they belong beside @page; what it
 * has moved elsewhere is not told from what others have. The folio is locked, so that
 * nobody's page is on its way from a slot to a page table, and in neither.
 */
static bool others_have(struct vm_area_struct *vma, unsigned long addr,
			struct page *page, unsigned int nr)
{
	struct folio *folio = page_folio(page);
	long i, nr_pages = folio_nr_pages(folio);
	int users = folio_mapcount(folio);
	swp_entry_t entry = { };

	if (folio_test_swapcache(folio))
		entry = folio_swap_entry(folio);
	for (i = 0; entry.val && i < nr_pages; i++)
		users += __swap_count((swp_entry_t){ entry.val + i });
	if (nr == nr_pages || nr_pages == 1)
		return users > 1;

	addr -= folio_page_idx(folio, page) << PAGE_SHIFT;
	for (i = 0; i < nr_pages; i++, addr += PAGE_SIZE) {
		users -= has(vma, addr, folio_page(folio, i), entry);
		entry.val += !!entry.val;
	}
	return users > 0;
}

static void walk_unlock_lru(struct walk *w)
{
	if (w->lruvec)
		unlock_page_lruvec_irq(w->lruvec);
	w->lruvec = NULL;
}

/*
 * Take @folio off its LRU, as folio_isolate_lru() does.  The LRU's lock is held from
 * one folio to the next, as neighbours tend to be on the same, but for no more than
 * SWAP_CLUSTER_MAX of them: interrupts are disabled.
 */
static bool walk_isolate(struct walk *w, struct folio *folio)
{
	if (!folio_test_clear_lru(folio))
		return false;
	folio_get(folio);
	w->lruvec = folio_lruvec_relock_irq(folio, w->lruvec);
	lruvec_del_folio(w->lruvec, folio);
	if (!(++w->isolated % SWAP_CLUSTER_MAX))
		walk_unlock_lru(w);
	return true;
}

/*
 * Isolate the folio of @page, or account for why it stays. The entry for @addr maps @nr
 * pages, or none if the page is in the swap cache. The caller holds the page-table
 * lock or a reference, and calls walk_unlock_lru() before it lets go of it or takes
 * another lock.  Returns false, with nothing done, if the chunk has no room for the
 * folio.
 */
static bool walk_take(struct walk *w, struct vm_area_struct *vma,
		      unsigned long addr, struct page *page, unsigned int nr)
{
	struct folio *folio = page_folio(page);
	unsigned int nr_pages = folio_nr_pages(folio);
	struct swapmig_chunk *chunk = w->chunk;
	bool others = false, evictable;

	if (folio == w->done || !node_isset(folio_nid(folio), w->call->map.sources))
		return true;
	if (folio_is_zone_device(folio) || folio_test_reserved(folio))
		return true;
	/* A driver's own memory is neither anonymous nor of a file. */
	if (!folio_test_anon(folio) && !folio_mapping(folio))
		return true;
	if (folio == w->busy)
		goto busy;
	if (!w->call->evict_shared) {
		walk_unlock_lru(w);
		if (!folio_trylock(folio))
			goto busy;
		others = others_have(vma, addr, page, nr);
		folio_unlock(folio);
	}
	if (others && !w->call->shared) {
		if (nr && folio_test_large(folio))
			w->done = folio;
		return true;
	}

	if (chunk->nr_pages && chunk->nr_pages + nr_pages > SWAPMIG_CHUNK_PAGES)
		return false;
	if (!walk_isolate(w, folio))
		goto busy;

	evictable = !others && !(vma->vm_flags & VM_LOCKED) &&
		    !folio_test_mlocked(folio) &&
		    !folio_test_unevictable(folio) &&
		    (folio_test_anon(folio) || w->may_evict_file);
	list_add(&folio->lru, evictable ? &chunk->folios : &chunk->unevictable);
	chunk->nr_pages += nr_pages;
	if (folio_test_large(folio))
		w->done = folio;
	return true;
busy:
	if (folio_test_large(folio))
		w->busy = folio;
	w->call->nr_busy += nr ?: 1;
	return true;
}

/*
 * Send a page that is in swap already to the right node.  The caller holds the
 * lock over a page-table or page-cache entry that refers to its slot.
 */
static void walk_aim(struct walk *w, swp_entry_t entry)
{
	int nid = swapmig_nodemap_refault(&w->call->map,
					  swapmig_refault_get(entry),
					  swp_offset(entry));

	if (nid != NUMA_NO_NODE && swapmig_refault_set(entry, 1, nid))
		w->call->nr_busy++;
}

/*
 * A present page that still has its slot goes back there if it is not written to: that
 * must not lead to a node that is being left.  Others who have it in swap may be told
 * of the target by where it comes back.  Returns false if the folio is busy.
 */
static bool walk_aim_present(struct walk *w, struct folio *folio, struct page *page)
{
	swp_entry_t entry;
	int nid;

	walk_unlock_lru(w);
	if (!folio_trylock(folio)) {
		w->call->nr_busy++;
		return false;
	}
	if (folio_test_swapcache(folio)) {
		entry.val = page_private(page);
		nid = swapmig_refault_get(entry);
		if (nid != NUMA_NO_NODE && node_isset(nid, w->call->map.sources) &&
		    (w->call->evict_shared || !__swap_count(entry)))
			walk_aim(w, entry);
	}
	folio_unlock(folio);
	return true;
}

/* As walk_take(), for a page that a page-table entry maps. */
static bool walk_take_present(struct walk *w, struct vm_area_struct *vma,
			      unsigned long addr, struct page *page)
{
	struct folio *folio = page_folio(page);

	if (folio_test_swapcache(folio) && !walk_aim_present(w, folio, page))
		return true;
	return walk_take(w, vma, addr, page, 1);
}

/* The folio in the swap cache that @entry belongs to, with a reference, or NULL. */
static struct folio *get_swap_cache(swp_entry_t entry)
{
	struct swap_info_struct *si = get_swap_device(entry);
	struct folio *folio;

	if (!si)
		return NULL;
	folio = filemap_get_folio(swap_address_space(entry), swp_offset(entry));
	put_swap_device(si);
	return folio;
}

/*
 * A page in swap may still, or again, be in a frame on a source node too: in @folio, of
 * which the caller has a reference from get_swap_cache(), or NULL.  Returns false if the
 * chunk has no room for it.
 */
static bool walk_take_swap_cache(struct walk *w, struct vm_area_struct *vma,
				 unsigned long addr, swp_entry_t entry,
				 struct folio *folio)
{
	bool taken;

	if (!folio)
		return true;
	taken = walk_take(w, vma, addr,
			  folio_file_page(folio, swp_offset(entry)), 0);
	walk_unlock_lru(w);
	folio_put(folio);
	return taken;
}

/*
 * Is the page in the slot of @entry somebody else's, too?  They may have it in a frame,
 * or be about to if that is locked.
 */
static bool walk_slot_shared(struct walk *w, swp_entry_t entry)
{
	struct folio *folio;
	bool shared = true;

	if (__swap_count(entry) > 1)
		return true;
	folio = get_swap_cache(entry);
	if (!folio)
		return false;
	if (folio_trylock(folio)) {
		shared = page_mapcount(folio_file_page(folio, swp_offset(entry)));
		folio_unlock(folio);
	} else {
		w->call->nr_busy++;
	}
	folio_put(folio);
	return shared;
}

/* As for an entry of a page table; @addr is where the page at @index is mapped. */
static int walk_shmem_swap(struct walk *w, struct vm_area_struct *vma,
			   unsigned long addr, unsigned long index, void *entry)
{
	struct xarray *pages = &vma->vm_file->f_mapping->i_pages;
	swp_entry_t swap = radix_to_swp_entry(entry);
	struct folio *folio = NULL;

	if (non_swap_entry(swap))
		return 0;

	xa_lock_irq(pages);
	if (xa_load(pages, index) == entry) {
		walk_aim(w, swap);
		folio = get_swap_cache(swap);
	}
	xa_unlock_irq(pages);

	if (walk_take_swap_cache(w, vma, addr, swap, folio))
		return 0;
	/* A chunk that the page table fills, this time or each time, is no way on. */
	if (w->call->next >= addr) {
		w->call->nr_busy++;
		return 0;
	}
	w->call->next = addr;
	return WALK_FULL;
}

static int walk_page_cache(struct walk *w, struct vm_area_struct *vma,
			   unsigned long addr, unsigned long end)
{
	XA_STATE(xas, &vma->vm_file->f_mapping->i_pages,
		 linear_page_index(vma, addr));
	unsigned long index, first = xas.xa_index;
	int err = 0;
	void *entry;

	rcu_read_lock();
	xas_for_each(&xas, entry, linear_page_index(vma, end - 1)) {
		if (xas_retry(&xas, entry))
			continue;
		index = xas.xa_index;
		addr += (index - first) << PAGE_SHIFT;
		first = index;
		err = walk_pause(w, addr);
		if (err)
			break;
		w->looked++;
		if (!xa_is_value(entry))
			continue;

		xas_pause(&xas);
		rcu_read_unlock();
		err = walk_shmem_swap(w, vma, addr, index, entry);
		rcu_read_lock();
		if (err)
			break;
	}
	rcu_read_unlock();
	return err;
}

/*
 * Shared memory that is in swap leaves no trace in the page tables, only in the
 * page cache.  Nor can the processes that use it be seen there.
 */
static int walk_shmem(struct walk *w, struct vm_area_struct *vma,
		      unsigned long addr, unsigned long end)
{
	struct address_space *mapping;

	if (!w->call->evict_shared || !vma || !vma->vm_file || addr == end)
		return 0;
	mapping = vma->vm_file->f_mapping;
	if (!shmem_mapping(mapping) || !READ_ONCE(SHMEM_I(mapping->host)->swapped))
		return 0;
	w->done = NULL;
	w->busy = NULL;
	return walk_page_cache(w, vma, addr, end);
}

static int walk_hole(unsigned long addr, unsigned long next, int depth,
		     struct mm_walk *walk)
{
	struct walk *w = walk->private;
	int err = walk_shmem(w, walk->vma, addr, next);

	w->looked++;
	return err ?: walk_pause(w, next);
}

static bool on_source(struct walk *w, swp_entry_t migration)
{
	return node_isset(page_to_nid(pfn_swap_entry_to_page(migration)),
			  w->call->map.sources);
}

static int walk_huge_pmd(pmd_t *pmd, unsigned long addr, struct mm_walk *walk)
{
	struct walk *w = walk->private;
	struct page *page;

	w->looked++;
	if (is_pmd_migration_entry(*pmd)) {
		if (on_source(w, pmd_to_swp_entry(*pmd)))
			w->call->nr_busy += HPAGE_PMD_NR;
		return 0;
	}
	if (!pmd_present(*pmd) || pmd_devmap(*pmd))
		return 0;

	page = pmd_page(*pmd);
	if (is_huge_zero_page(page) ||
	    walk_take(w, walk->vma, addr, page, HPAGE_PMD_NR))
		return 0;
	w->call->next = addr;
	return WALK_FULL;
}

static int walk_ptes(pmd_t *pmd, unsigned long addr, unsigned long end,
		     struct mm_walk *walk)
{
	struct vm_area_struct *vma = walk->vma;
	struct walk *w = walk->private;
	pte_t *mapped_pte, *pte;
	struct page *page;
	spinlock_t *ptl;
	int err;

	w->done = NULL;
	w->busy = NULL;
	ptl = pmd_trans_huge_lock(pmd, vma);
	if (ptl) {
		err = walk_huge_pmd(pmd, addr, walk);
		walk_unlock_lru(w);
		spin_unlock(ptl);
		return err;
	}
	if (pmd_trans_unstable(pmd)) {
		walk->action = ACTION_AGAIN;
		return 0;
	}

	err = 0;
	mapped_pte = pte_offset_map_lock(walk->mm, pmd, addr, &ptl);
	for (pte = mapped_pte; addr != end; pte++, addr += PAGE_SIZE) {
		w->looked++;
		if (pte_none(*pte))
			continue;
		if (!pte_present(*pte)) {
			swp_entry_t entry = pte_to_swp_entry(*pte);

			if (!non_swap_entry(entry)) {
				walk_unlock_lru(w);
				if (!w->call->evict_shared &&
				    walk_slot_shared(w, entry))
					continue;
				walk_aim(w, entry);
				if (walk_take_swap_cache(w, vma, addr, entry,
							 get_swap_cache(entry)))
					continue;
				w->call->next = addr;
				err = WALK_FULL;
				break;
			}
			if (is_migration_entry(entry) && on_source(w, entry))
				w->call->nr_busy++;
			continue;
		}

		page = vm_normal_page(vma, addr, *pte);
		if (page && !walk_take_present(w, vma, addr, page)) {
			w->call->next = addr;
			err = WALK_FULL;
			break;
		}
	}
	walk_unlock_lru(w);
	pte_unmap_unlock(mapped_pte, ptl);
	return err;
}

static int walk_pmd(pmd_t *pmd, unsigned long addr, unsigned long end,
		    struct mm_walk *walk)
{
	struct walk *w = walk->private;
	int err = walk_pause(w, addr);

	if (err)
		return err;

	err = walk_ptes(pmd, addr, end, walk);
	/* What has been walked is done only with its shared memory in swap. */
	return walk_shmem(w, walk->vma, addr, err ? w->call->next : end) ?: err;
}

#ifdef CONFIG_HUGETLB_PAGE
static int walk_hugetlb(pte_t *pte, unsigned long hmask, unsigned long addr,
			unsigned long end, struct mm_walk *walk)
{
	struct hstate *h = hstate_vma(walk->vma);
	unsigned int nr_pages = pages_per_huge_page(h);
	struct walk *w = walk->private;
	int err = walk_pause(w, addr);
	struct page *page;
	spinlock_t *ptl;
	pte_t entry;

	if (err)
		return err;
	w->looked++;

	ptl = huge_pte_lock(h, walk->mm, pte);
	entry = huge_ptep_get(pte);
	if (!pte_present(entry)) {
		if (is_swap_pte(entry) &&
		    is_migration_entry(pte_to_swp_entry(entry)) &&
		    on_source(w, pte_to_swp_entry(entry)))
			w->call->nr_busy += nr_pages;
		goto unlock;
	}

	page = pte_page(entry);
	if (!node_isset(page_to_nid(page), w->call->map.sources))
		goto unlock;
	if (!w->call->shared &&
	    (page_mapcount(page) != 1 || hugetlb_pmd_shared(pte)))
		goto unlock;

	if (w->chunk->nr_pages &&
	    w->chunk->nr_pages + nr_pages > SWAPMIG_CHUNK_PAGES) {
		w->call->next = addr;
		err = WALK_FULL;
	} else if (folio_isolate_hugetlb(page, &w->chunk->unevictable)) {
		w->call->nr_busy += nr_pages;
	} else {
		w->chunk->nr_pages += nr_pages;
	}
unlock:
	spin_unlock(ptl);
	return err;
}
#else
#define walk_hugetlb	NULL
#endif

static const struct mm_walk_ops walk_ops = {
	.test_walk	= walk_vma,
	.pte_hole	= walk_hole,
	.pmd_entry	= walk_pmd,
	.hugetlb_entry	= walk_hugetlb,
};

/**
 * swapmig_walk - isolate the next chunk of the target's pages
 * @call: the call; its @next says where to go on and is moved forward
 * @chunk: an empty chunk to fill
 *
 * Takes the pages that are mapped from @call->next on and reside on a source
 * node, up to SWAPMIG_CHUNK_PAGES base pages, from the LRU.  Pages that somebody
 * else has taken off the LRU, and those that are being migrated at this moment,
 * are counted as busy.  Pages that are in swap get their refault nodes set.
 *
 * The address space is kept alive only while it is walked: a target that exits
 * between two chunks frees its memory without waiting for the call.
 *
 * Context: process context, may sleep; takes and releases mmap_lock for reading.
 * Return: 1 if there is more to walk, 0 at the end of the address space, -ESRCH
 * if the target has exited, -EINTR if the caller has been killed.
 */
int swapmig_walk(struct swapmig_call *call, struct swapmig_chunk *chunk)
{
	struct walk w = { .call = call, .chunk = chunk };
	struct mm_struct *mm = call->mm;
	int err;

	if (!mmget_not_zero(mm))
		return -ESRCH;

	err = mmap_read_lock_killable(mm);
	if (!err) {
		err = walk_page_range(mm, call->next, mm->task_size,
				      &walk_ops, &w);
		mmap_read_unlock(mm);
		trace_swapmig_chunk(mm, call->next, chunk->nr_pages, w.looked);
		if (err == WALK_FULL)
			err = call->next < mm->task_size;
	}
	mmput(mm);
	return err;
}
