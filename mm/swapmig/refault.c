// SPDX-License-Identifier: GPL-2.0
/*
 * Swap migration: the return address of an evicted page.
 *
 * Each swap slot of an evicted page has a refault node: where the page is to be
 * allocated when it is swapped in.  The nodes are kept in an XArray by swap
 * entry, and are forgotten when the slot is freed: the next user of the slot
 * must not inherit them.
 *
 * A refault node is set only while the slot cannot be freed: the caller holds
 * the lock of a folio in the swap cache, or the lock over a page-table or
 * page-cache entry that refers to the slot.
 *
 * A static key keeps all this out of the way until somebody migrates.
 */
#include <linux/cpuset.h>
#include <linux/swapmig.h>
#include <linux/swapops.h>
#include <linux/xarray.h>
#include <trace/events/swapmig.h>

#include "swapmig.h"

DEFINE_STATIC_KEY_FALSE(swapmig_refault_key);

/* Its lock is also taken under that of the page cache, which interrupts take. */
static DEFINE_XARRAY_FLAGS(refault_nodes, XA_FLAGS_LOCK_IRQ);

/**
 * swapmig_refault_enable - from now on, swap slots can have refault nodes
 *
 * Context: process context, may sleep.
 */
void swapmig_refault_enable(void)
{
	if (!swapmig_refault_active())
		static_branch_enable(&swapmig_refault_key);
}

/**
 * swapmig_refault_set - set the refault node of swap slots
 * @entry: the first slot
 * @nr_slots: number of slots
 * @nid: the refault node
 *
 * Context: any. The caller keeps the slots from being freed.
 * Return: 0, or -ENOMEM with only some of the slots set.
 */
int swapmig_refault_set(swp_entry_t entry, unsigned int nr_slots, int nid)
{
	unsigned long flags, slot;
	void *old = NULL;

	xa_lock_irqsave(&refault_nodes, flags);
	for (slot = entry.val; slot < entry.val + nr_slots; slot++) {
		old = __xa_store(&refault_nodes, slot, xa_mk_value(nid),
				 __GFP_HIGH | __GFP_NOMEMALLOC | __GFP_NOWARN);
		if (xa_is_err(old))
			break;
	}
	xa_unlock_irqrestore(&refault_nodes, flags);

	return xa_err(old);
}

/**
 * swapmig_refault_get - look up the refault node of a swap slot
 * @entry: the slot
 *
 * Context: any.
 * Return: the node, or NUMA_NO_NODE.
 */
int swapmig_refault_get(swp_entry_t entry)
{
	void *node = xa_load(&refault_nodes, entry.val);

	return node ? xa_to_value(node) : NUMA_NO_NODE;
}

/**
 * __swapmig_free_slots - forget the refault nodes of swap slots
 * @entry: the first slot
 * @nr_slots: number of slots
 *
 * See swapmig_free_slots().
 *
 * Context: any.
 */
void __swapmig_free_slots(swp_entry_t entry, unsigned int nr_slots)
{
	XA_STATE(xas, &refault_nodes, entry.val);
	unsigned long flags;

	if (xa_empty(&refault_nodes))
		return;

	xas_lock_irqsave(&xas, flags);
	while (xas_find(&xas, entry.val + nr_slots - 1))
		xas_store(&xas, NULL);
	xas_unlock_irqrestore(&xas, flags);
}

/**
 * swapmig_refault_aim - send the pages in a folio's swap slots where it is sent
 * @map: the node map of the call
 * @folio: the folio
 * @entry: the first of its slots
 *
 * Context: any. The caller keeps the slots from being freed.
 * Return: 0, or -ENOMEM with only some of the slots set.
 */
int swapmig_refault_aim(const struct swapmig_nodemap *map, struct folio *folio,
			swp_entry_t entry)
{
	int nid = folio_nid(folio);

	if (!node_isset(nid, map->sources))
		return 0;
	return swapmig_refault_set(entry, folio_nr_pages(folio),
				   map->target[nid]);
}

/**
 * __swapmig_note_slots - note where a folio that is being evicted is sent
 * @folio: the locked folio
 * @entry: the first of its slots
 *
 * See swapmig_note_slots().
 *
 * Context: process context.
 * Return: 0, or -ENOMEM.
 */
int __swapmig_note_slots(struct folio *folio, swp_entry_t entry)
{
	struct reclaim_state *rs = current->reclaim_state;

	if (!entry.val || !rs || !rs->refault_map)
		return 0;
	return swapmig_refault_aim(rs->refault_map, folio, entry);
}

/**
 * __swapmig_alloc_swapin - allocate a page to swap in to
 * @entry: the slot to be read
 * @gfp: how to allocate
 * @vma: the VMA of the fault
 * @addr: the faulting address
 *
 * See swapmig_alloc_swapin().  The refault node wins over the policy of the VMA,
 * as a page that is moved does not ask for it either, but not over the cpuset of
 * the task.  If the node is full, the page is allocated near it.
 *
 * Context: as vma_alloc_folio().
 * Return: an order-0 folio, or NULL.
 */
struct folio *__swapmig_alloc_swapin(swp_entry_t entry, gfp_t gfp,
				     struct vm_area_struct *vma,
				     unsigned long addr)
{
	int nid = swapmig_refault_get(entry);
	struct folio *folio;

	if (nid == NUMA_NO_NODE)
		return vma_alloc_folio(gfp, 0, vma, addr, false);

	if (node_state(nid, N_MEMORY) &&
	    cpuset_node_allowed(nid, gfp | __GFP_HARDWALL))
		folio = __folio_alloc(gfp, 0, nid, NULL);
	else
		folio = vma_alloc_folio(gfp, 0, vma, addr, false);

	if (folio) {
		swapmig_count_refault(folio_nid(folio) == nid);
		trace_swapmig_refault(entry.val, nid, folio_nid(folio));
	}
	return folio;
}
