// SPDX-License-Identifier: GPL-2.0
/*
 * Swap migration: which pages are hot, for the path "auto".
 *
 * At the beginning of a sampling window the accessed bits of the process's page tables
 * are cleared.  A page is hot if its bit is set when a walk comes to it after the window.
 * Only bits of pages on source nodes are cleared: nearly all of these are migrated soon, so
 * nobody else needs to know how old they are.
 */
#include <linux/hugetlb.h>
#include <linux/jiffies.h>
#include <linux/mempolicy.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/page_idle.h>
#include <linux/pagewalk.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <trace/events/swapmig.h>

#include <asm/tlbflush.h>

#include "swapmig.h"

/* The most VMAs, holes and entries looked at under one hold of mmap_lock. */
#define SWAPMIG_HOT_MAX_SCANNED	(4 * PTRS_PER_PTE)

/* How often a call checks whether the process still exists, in jiffies. */
#define SWAPMIG_HOT_TICK	(HZ / 10)

/* The callbacks return this to end a walk that has reached its limit. */
#define SWAPMIG_HOT_PAUSED	(-EAGAIN)

struct swapmig_sample {
	const nodemask_t *sources;
	unsigned long next;		/* where the next walk starts */
	unsigned int scanned;
	unsigned long nr_accessed;	/* base pages */
};

static int swapmig_hot_pause(struct swapmig_sample *sample, unsigned long addr)
{
	if (sample->scanned < SWAPMIG_HOT_MAX_SCANNED)
		return 0;
	sample->next = addr;
	return SWAPMIG_HOT_PAUSED;
}

/*
 * The accessed bit of an entry for @folio has been cleared.  Reclaim still counts the
 * access, and page idle tracking and DAMON do not find the folio idle.
 */
static void swapmig_hot_cleared(struct swapmig_sample *sample, struct folio *folio,
				unsigned int nr)
{
	folio_clear_idle(folio);
	folio_set_young(folio);
	sample->nr_accessed += nr;
}

#ifdef CONFIG_TRANSPARENT_HUGEPAGE
static void swapmig_hot_clear_pmd(struct swapmig_sample *sample,
				  struct vm_area_struct *vma, unsigned long addr,
				  pmd_t *pmd)
{
	struct page *page;

	sample->scanned++;
	if (!pmd_present(*pmd) || pmd_devmap(*pmd))
		return;
	page = pmd_page(*pmd);
	if (is_huge_zero_page(page) || !node_isset(page_to_nid(page), *sample->sources))
		return;
	if (pmdp_test_and_clear_young(vma, addr, pmd) |
	    mmu_notifier_clear_flush_young(vma->vm_mm, addr, addr + HPAGE_PMD_SIZE))
		swapmig_hot_cleared(sample, page_folio(page), HPAGE_PMD_NR);
}
#else
static void swapmig_hot_clear_pmd(struct swapmig_sample *sample,
				  struct vm_area_struct *vma, unsigned long addr,
				  pmd_t *pmd)
{
}
#endif

static int swapmig_hot_clear_ptes(pmd_t *pmd, unsigned long addr, unsigned long end,
				  struct mm_walk *walk)
{
	struct swapmig_sample *sample = walk->private;
	struct vm_area_struct *vma = walk->vma;
	int err = swapmig_hot_pause(sample, addr);
	pte_t *mapped_pte, *pte;
	struct page *page;
	spinlock_t *ptl;

	if (err)
		return err;

	ptl = pmd_trans_huge_lock(pmd, vma);
	if (ptl) {
		swapmig_hot_clear_pmd(sample, vma, addr, pmd);
		spin_unlock(ptl);
		return 0;
	}
	if (pmd_trans_unstable(pmd)) {
		walk->action = ACTION_AGAIN;
		return 0;
	}

	sample->scanned += (end - addr) >> PAGE_SHIFT;
	mapped_pte = pte_offset_map_lock(walk->mm, pmd, addr, &ptl);
	/* A device or guest may have accessed what the process has not. */
	sample->nr_accessed += mmu_notifier_clear_flush_young(walk->mm, addr, end);
	for (pte = mapped_pte; addr != end; pte++, addr += PAGE_SIZE) {
		if (!pte_present(*pte) || !pte_young(*pte))
			continue;
		page = swapmig_normal_page(vma, addr, *pte);
		if (!page || !node_isset(page_to_nid(page), *sample->sources))
			continue;
		if (ptep_test_and_clear_young(vma, addr, pte))
			swapmig_hot_cleared(sample, page_folio(page), 1);
	}
	pte_unmap_unlock(mapped_pte, ptl);
	return 0;
}

static int swapmig_hot_clear_hole(unsigned long addr, unsigned long next, int depth,
				  struct mm_walk *walk)
{
	struct swapmig_sample *sample = walk->private;

	sample->scanned++;
	return swapmig_hot_pause(sample, next);
}

/* What cannot be evicted is moved, hot or not. */
static int swapmig_hot_clear_vma(unsigned long start, unsigned long end,
				 struct mm_walk *walk)
{
	struct swapmig_sample *sample = walk->private;
	int err = swapmig_hot_pause(sample, start);

	if (err)
		return err;
	sample->scanned++;
	return !vma_migratable(walk->vma) || is_vm_hugetlb_page(walk->vma);
}

static const struct mm_walk_ops swapmig_hot_clear_ops = {
	.test_walk	= swapmig_hot_clear_vma,
	.pte_hole	= swapmig_hot_clear_hole,
	.pmd_entry	= swapmig_hot_clear_ptes,
};

/* Returns false if the process has exited or the caller has been killed. */
static bool swapmig_hot_clear(struct mm_struct *mm, struct swapmig_sample *sample)
{
	int err;

	do {
		if (!mmget_not_zero(mm))
			return false;
		sample->scanned = 0;
		err = mmap_read_lock_killable(mm);
		if (!err) {
			err = walk_page_range(mm, sample->next, mm->task_size,
					      &swapmig_hot_clear_ops, sample);
			mmap_read_unlock(mm);
			/*
			 * As long as an entry is in a TLB, the CPU does not set its bit.
			 * The entries of the hottest pages stay there longest.
			 */
			if (err != SWAPMIG_HOT_PAUSED && sample->nr_accessed)
				flush_tlb_mm(mm);
		}
		mmput(mm);
		cond_resched();
	} while (err == SWAPMIG_HOT_PAUSED && !fatal_signal_pending(current));

	return !fatal_signal_pending(current);
}

/**
 * swapmig_hot_sample - find out what the process accesses
 * @call: the call
 *
 * Clears the accessed bits of the pages on source nodes, flushes the process's TLB
 * entries once, and waits for the sampling window, see swapmig_window_ms().  Does not wait
 * if no bit was set: the process has not used these pages since the bits were last cleared.
 * Leaves the bits as they are if the window is 0 or the caller migrates itself.
 *
 * Context: process context, sleeps; takes and releases mmap_lock for reading.
 * Return: false if the process has exited or the caller has been killed.
 */
bool swapmig_hot_sample(struct swapmig_call *call)
{
	struct swapmig_sample sample = { .sources = &call->map.all };
	unsigned int window = swapmig_window_ms();
	struct mm_struct *mm = call->mm;
	unsigned long end;

	if (!window || current->mm == mm)
		return true;
	if (!swapmig_hot_clear(mm, &sample))
		return false;
	trace_swapmig_sample(mm, sample.nr_accessed, window);
	if (!sample.nr_accessed)
		return true;

	end = jiffies + msecs_to_jiffies(window);
	while (time_before(jiffies, end)) {
		schedule_timeout_killable(min_t(unsigned long, end - jiffies,
						SWAPMIG_HOT_TICK));
		if (fatal_signal_pending(current) || !atomic_read(&mm->mm_users))
			return false;
	}
	return true;
}

/**
 * swapmig_hot_ptes - has the process accessed the page of a page-table entry?
 * @vma: the mapping
 * @addr: the address
 * @pte: the present entry
 * @nr: the number of entries to look at; a large folio is hot if one of its pages is
 *
 * Context: the page-table lock is held.  Does not sleep.
 * Return: whether the accessed bit is set, or a device or guest has accessed the page.
 */
bool swapmig_hot_ptes(struct vm_area_struct *vma, unsigned long addr, pte_t *pte,
		      unsigned int nr)
{
	unsigned long pfn = pte_pfn(*pte);

	for (; nr--; pte++, pfn++, addr += PAGE_SIZE) {
		if (!pte_present(*pte) || pte_pfn(*pte) != pfn)
			continue;
		if (pte_young(*pte) || mmu_notifier_test_young(vma->vm_mm, addr))
			return true;
	}
	return false;
}

/**
 * swapmig_hot_pmd - has the process accessed the huge page of an entry?
 * @vma: the mapping
 * @addr: the address
 * @pmd: the present huge entry
 *
 * Context: the page-table lock is held.  Does not sleep.
 * Return: whether the accessed bit is set, or a device or guest has accessed the page.
 */
bool swapmig_hot_pmd(struct vm_area_struct *vma, unsigned long addr, pmd_t *pmd)
{
#ifdef CONFIG_TRANSPARENT_HUGEPAGE
	/* A guest may map the huge page in pieces. */
	return pmd_young(*pmd) ||
	       mmu_notifier_clear_flush_young(vma->vm_mm, addr, addr + HPAGE_PMD_SIZE);
#else
	return false;
#endif
}
