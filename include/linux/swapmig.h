/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Swap migration: what the rest of mm calls.
 */
#ifndef _LINUX_SWAPMIG_H
#define _LINUX_SWAPMIG_H

#include <linux/gfp.h>
#include <linux/jump_label.h>
#include <linux/swap.h>

#if defined(CONFIG_SWAPMIG) && defined(CONFIG_SWAP)

DECLARE_STATIC_KEY_FALSE(swapmig_refault_key);

int swapmig_refault_get(swp_entry_t entry);
int __swapmig_refault_note_slots(struct folio *folio, swp_entry_t entry);
void __swapmig_refault_free_slots(swp_entry_t entry, unsigned int nr_slots);
void __swapmig_refault_count_folio(swp_entry_t entry, struct folio *folio);
void __swapmig_refault_forget(struct mm_struct *mm, unsigned long start,
			      unsigned long end);
struct folio *__swapmig_refault_alloc_folio(swp_entry_t entry, gfp_t gfp,
					    struct vm_area_struct *vma,
					    unsigned long addr);

/* Has anybody ever migrated? */
static inline bool swapmig_refault_active(void)
{
	return static_branch_unlikely(&swapmig_refault_key);
}

#else

static inline bool swapmig_refault_active(void)
{
	return false;
}

static inline int swapmig_refault_get(swp_entry_t entry)
{
	return NUMA_NO_NODE;
}

static inline int __swapmig_refault_note_slots(struct folio *folio,
					       swp_entry_t entry)
{
	return 0;
}

static inline void __swapmig_refault_free_slots(swp_entry_t entry,
						unsigned int nr_slots)
{
}

static inline void __swapmig_refault_count_folio(swp_entry_t entry,
						 struct folio *folio)
{
}

static inline void __swapmig_refault_forget(struct mm_struct *mm,
					    unsigned long start,
					    unsigned long end)
{
}

static inline struct folio *
__swapmig_refault_alloc_folio(swp_entry_t entry, gfp_t gfp,
			      struct vm_area_struct *vma, unsigned long addr)
{
	return NULL;
}

#endif

/**
 * swapmig_refault_note_slots - set the refault node of a folio that gets swap slots
 * @folio: the locked folio
 * @entry: its first slot
 *
 * Does nothing unless current evicts for swap migration.
 *
 * Context: process context.
 * Return: 0, or -ENOMEM; the folio must not be swapped out then.
 */
static inline int swapmig_refault_note_slots(struct folio *folio,
					     swp_entry_t entry)
{
	if (swapmig_refault_active())
		return __swapmig_refault_note_slots(folio, entry);
	return 0;
}

/**
 * swapmig_refault_free_slots - clear the refault nodes of swap slots
 * @entry: the first slot
 * @nr_slots: number of slots
 *
 * Context: any; the caller holds the lock of the swap device.
 */
static inline void swapmig_refault_free_slots(swp_entry_t entry,
					      unsigned int nr_slots)
{
	if (swapmig_refault_active())
		__swapmig_refault_free_slots(entry, nr_slots);
}

/**
 * swapmig_refault_forget - clear the refault nodes of a range of memory
 * @mm: the address space
 * @start: where the range starts
 * @end: where it ends
 *
 * Called when a policy is set for the range: it is a newer wish than the refault nodes.
 *
 * Context: process context, sleeps; mmap_lock is held.
 */
static inline void swapmig_refault_forget(struct mm_struct *mm, unsigned long start,
					  unsigned long end)
{
	if (swapmig_refault_active())
		__swapmig_refault_forget(mm, start, end);
}

/**
 * swapmig_refault_alloc_folio - allocate a folio to swap in to
 * @entry: the slot to be read
 * @gfp: how to allocate
 * @vma: the VMA of the fault; its policy is used if the slot has no refault node
 * @addr: the faulting address
 *
 * Context: as vma_alloc_folio().
 * Return: an order-0 folio, or NULL.
 */
static inline struct folio *
swapmig_refault_alloc_folio(swp_entry_t entry, gfp_t gfp,
			    struct vm_area_struct *vma, unsigned long addr)
{
	if (swapmig_refault_active())
		return __swapmig_refault_alloc_folio(entry, gfp, vma, addr);
	return vma_alloc_folio(gfp, 0, vma, addr, false);
}

/**
 * swapmig_refault_count_folio - count a page that came back
 * @entry: the slot it is read from
 * @folio: the folio it is read to
 *
 * Call this when the folio is certain to be used: a folio that was allocated is
 * freed again if somebody else has read the slot meanwhile.
 *
 * Context: any; the caller keeps the slot from being freed.
 */
static inline void swapmig_refault_count_folio(swp_entry_t entry,
					       struct folio *folio)
{
	if (swapmig_refault_active())
		__swapmig_refault_count_folio(entry, folio);
}

#endif /* _LINUX_SWAPMIG_H */
