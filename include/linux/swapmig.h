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

int __swapmig_note_slots(struct folio *folio, swp_entry_t entry);
void __swapmig_free_slots(swp_entry_t entry, unsigned int nr_slots);
struct folio *__swapmig_alloc_swapin(swp_entry_t entry, gfp_t gfp,
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

static inline int __swapmig_note_slots(struct folio *folio, swp_entry_t entry)
{
	return 0;
}

static inline void __swapmig_free_slots(swp_entry_t entry, unsigned int nr_slots)
{
}

static inline struct folio *__swapmig_alloc_swapin(swp_entry_t entry, gfp_t gfp,
						   struct vm_area_struct *vma,
						   unsigned long addr)
{
	return NULL;
}

#endif

/**
 * swapmig_note_slots - a folio has been given swap slots
 * @folio: the locked folio
 * @entry: its first slot
 *
 * If current is evicting for swap migration, notes where the folio is sent.
 *
 * Context: any that may allocate swap slots.
 * Return: 0, or -ENOMEM: the folio would not find its way, so do not swap it.
 */
static inline int swapmig_note_slots(struct folio *folio, swp_entry_t entry)
{
	return swapmig_refault_active() ? __swapmig_note_slots(folio, entry) : 0;
}

/**
 * swapmig_free_slots - swap slots are about to be used by somebody else
 * @entry: the first slot
 * @nr_slots: number of slots
 *
 * Forgets their refault nodes.
 *
 * Context: any; called with the swap device's lock held.
 */
static inline void swapmig_free_slots(swp_entry_t entry, unsigned int nr_slots)
{
	if (swapmig_refault_active())
		__swapmig_free_slots(entry, nr_slots);
}

/**
 * swapmig_alloc_swapin - allocate a page to swap in to
 * @entry: the slot to be read
 * @gfp: how to allocate
 * @vma: the VMA of the fault, whose policy counts where the slot has no refault
 *	node
 * @addr: the faulting address
 *
 * Context: as vma_alloc_folio().
 * Return: an order-0 folio, or NULL.
 */
static inline struct folio *swapmig_alloc_swapin(swp_entry_t entry, gfp_t gfp,
						 struct vm_area_struct *vma,
						 unsigned long addr)
{
	if (swapmig_refault_active())
		return __swapmig_alloc_swapin(entry, gfp, vma, addr);
	return vma_alloc_folio(gfp, 0, vma, addr, false);
}

#endif /* _LINUX_SWAPMIG_H */
