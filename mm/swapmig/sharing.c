// SPDX-License-Identifier: GPL-2.0
/*
 * Swap migration: whether a page has users besides the process.
 */
#include <linux/fs.h>
#include <linux/memcontrol.h>
#include <linux/mm_inline.h>
#include <linux/pagemap.h>
#include <linux/swapops.h>

#include "../internal.h"
#include "../swap.h"
#include "swapmig.h"

/**
 * swapmig_may_evict_file - may the caller evict the pages of a mapped file?
 * @vma: the mapping
 *
 * A caller that cannot write a file must not drop its pages from the page cache: the
 * time that the next read takes would show whether somebody has read the file.
 * mmap_lock is held, so a file system that would have to sleep to check the
 * permission counts as one that denies it.  The files behind System V shared memory
 * grant everything to everybody; there the mode of the open file counts.
 *
 * Context: any; mmap_lock is held.
 * Return: whether the caller owns the file or may write it; true for anonymous memory.
 */
bool swapmig_may_evict_file(struct vm_area_struct *vma)
{
	bool may;

	mmap_assert_locked(vma->vm_mm);
	if (!vma->vm_file || file_owner_or_capable(vma->vm_file))
		return true;
	if (IS_PRIVATE(file_inode(vma->vm_file)))
		return vma->vm_file->f_mode & FMODE_WRITE;

	rcu_read_lock();
	may = !file_permission(vma->vm_file, MAY_WRITE | MAY_NOT_BLOCK);
	rcu_read_unlock();
	return may;
}

/**
 * swapmig_get_swap_cache - look up a folio in the swap cache
 * @entry: the slot
 *
 * Context: any.
 * Return: the folio that has the page in @entry, with a reference, or NULL.
 */
struct folio *swapmig_get_swap_cache(swp_entry_t entry)
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
 * Does the process have @page at @addr, either mapped or in the swap slot @entry?  Page
 * tables beside the one that is being walked are read without their lock.
 */
static bool swapmig_mm_has_page(struct vm_area_struct *vma, unsigned long addr,
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

/**
 * swapmig_folio_shared - do other processes have pages of a folio?
 * @vma: a mapping of the folio by the process
 * @addr: the address of @page there
 * @page: a page of the folio
 * @nr: the number of pages that the entry for @addr maps, 0 if it is a swap entry
 *
 * Any page of the folio counts, in swap or mapped.  The users of the folio are counted,
 * and the pages that the process has at the addresses beside @addr are subtracted.
 * Pages that the process has moved with mremap() count as those of another process.
 *
 * The folio is locked, so that no page of it is on its way from a slot to a page table.
 *
 * Context: mmap_lock and the lock of the folio are held; does not sleep.
 * Return: whether the folio has other users.
 */
bool swapmig_folio_shared(struct vm_area_struct *vma, unsigned long addr,
			  struct page *page, unsigned int nr)
{
	struct folio *folio = page_folio(page);
	long i, nr_pages = folio_nr_pages(folio);
	int users = folio_mapcount(folio);
	swp_entry_t entry = { };

	mmap_assert_locked(vma->vm_mm);
	VM_WARN_ON_ONCE_FOLIO(!folio_test_locked(folio), folio);
	if (folio_test_swapcache(folio))
		entry = folio_swap_entry(folio);
	for (i = 0; entry.val && i < nr_pages; i++)
		users += __swap_count((swp_entry_t){ entry.val + i });
	if (nr == nr_pages || nr_pages == 1)
		return users > 1;

	addr -= folio_page_idx(folio, page) << PAGE_SHIFT;
	for (i = 0; i < nr_pages; i++, addr += PAGE_SIZE) {
		users -= swapmig_mm_has_page(vma, addr, folio_page(folio, i),
					     entry);
		entry.val += !!entry.val;
	}
	return users > 0;
}

/**
 * swapmig_slot_shared - does a page in swap have other users?
 * @entry: the slot, to which the process has one reference
 * @ptl: the lock of the page table that refers to it
 * @nr_busy: incremented if that cannot be told
 *
 * Another process may have the page mapped from the swap cache.  If the folio there is
 * locked, a process may be about to map it.
 *
 * Context: @ptl is held.
 * Return: whether the page has, or may have, other users.
 */
bool swapmig_slot_shared(swp_entry_t entry, spinlock_t *ptl,
			 unsigned long *nr_busy)
{
	struct folio *folio;
	bool shared = true;

	lockdep_assert_held(ptl);
	if (__swap_count(entry) > 1)
		return true;
	folio = swapmig_get_swap_cache(entry);
	if (!folio)
		return false;
	if (folio_trylock(folio)) {
		shared = page_mapcount(folio_file_page(folio, swp_offset(entry)));
		folio_unlock(folio);
	} else {
		(*nr_busy)++;
	}
	folio_put(folio);
	return shared;
}
