// SPDX-License-Identifier: GPL-2.0
/*
 * Swap migration: the return address of an evicted page.
 *
 * Each swap slot of an evicted page has a refault node: where the page is to be
 * allocated when it is swapped in.  The nodes are kept in blocks, as neighbouring
 * slots tend to be given and freed together, and the blocks in an XArray by swap
 * entry.  A node is forgotten when the slot is freed: the next user of the slot must
 * not inherit it.
 *
 * A refault node is set only while the slot cannot be freed: the caller holds
 * the lock of a folio in the swap cache, or the lock over a page-table or
 * page-cache entry that refers to the slot.
 *
 * A static key keeps all this out of the way until somebody migrates.
 */
#include <linux/cpuset.h>
#include <linux/error-injection.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/swapmig.h>
#include <linux/swapops.h>
#include <linux/xarray.h>
#include <trace/events/swapmig.h>

#include "swapmig.h"

DEFINE_STATIC_KEY_FALSE(swapmig_refault_key);

/* With its head, a block takes a kibibyte. */
#define BLOCK_SLOTS	500

/**
 * struct refault_block - the refault nodes of neighbouring slots
 * @rcu: to be freed by; readers take no lock
 * @nr_set: how many slots have a refault node
 * @node: by slot, the node plus one, or 0
 */
struct refault_block {
	struct rcu_head rcu;
	unsigned int nr_set;
	u16 node[BLOCK_SLOTS];
};

/* Its lock is also taken under that of the page cache, which interrupts take. */
static DEFINE_XARRAY_FLAGS(refault_blocks, XA_FLAGS_LOCK_IRQ);

static unsigned long block_index(swp_entry_t entry)
{
	return entry.val / BLOCK_SLOTS;
}

/* Of the slots from @entry on, at most @nr_slots, so many are in its block. */
static unsigned int block_part(swp_entry_t entry, unsigned int nr_slots)
{
	return min_t(unsigned int, nr_slots,
		     BLOCK_SLOTS - entry.val % BLOCK_SLOTS);
}

/* The block of @entry, a new one if need be. */
static struct refault_block *block_get(swp_entry_t entry)
{
	const gfp_t gfp = __GFP_HIGH | __GFP_NOMEMALLOC | __GFP_NOWARN;
	struct refault_block *block;

	block = xa_load(&refault_blocks, block_index(entry));
	if (block)
		return block;
	block = kzalloc(sizeof(*block), gfp);
	if (block && xa_is_err(__xa_store(&refault_blocks, block_index(entry),
					  block, gfp))) {
		kfree(block);
		block = NULL;
	}
	return block;
}

/* Have @nr_slots slots of @block, from @entry on, refer to @node. */
static void block_set(struct refault_block *block, swp_entry_t entry,
		      unsigned int nr_slots, u16 node)
{
	u16 *slot = block->node + entry.val % BLOCK_SLOTS;
	u16 *end = slot + nr_slots;

	for (; slot < end; slot++) {
		block->nr_set += !!node - !!*slot;
		WRITE_ONCE(*slot, node);
	}
}

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
noinline int swapmig_refault_set(swp_entry_t entry, unsigned int nr_slots,
				 int nid)
{
	struct refault_block *block;
	unsigned long flags;
	unsigned int part;
	int err = 0;

	xa_lock_irqsave(&refault_blocks, flags);
	for (; nr_slots; nr_slots -= part, entry.val += part) {
		part = block_part(entry, nr_slots);
		block = block_get(entry);
		if (!block) {
			err = -ENOMEM;
			break;
		}
		block_set(block, entry, part, nid + 1);
	}
	xa_unlock_irqrestore(&refault_blocks, flags);

	return err;
}

ALLOW_ERROR_INJECTION(swapmig_refault_set, ERRNO);

/**
 * swapmig_refault_get - look up the refault node of a swap slot
 * @entry: the slot
 *
 * Context: any.
 * Return: the node, or NUMA_NO_NODE.
 */
int swapmig_refault_get(swp_entry_t entry)
{
	struct refault_block *block;
	u16 node = 0;

	rcu_read_lock();
	block = xa_load(&refault_blocks, block_index(entry));
	if (block)
		node = READ_ONCE(block->node[entry.val % BLOCK_SLOTS]);
	rcu_read_unlock();

	return node ? node - 1 : NUMA_NO_NODE;
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
	struct refault_block *block;
	unsigned long flags;
	unsigned int part;

	/* Others may come and go; the nodes of these slots do not change any more. */
	if (data_race(xa_empty(&refault_blocks)))
		return;

	xa_lock_irqsave(&refault_blocks, flags);
	for (; nr_slots; nr_slots -= part, entry.val += part) {
		part = block_part(entry, nr_slots);
		block = xa_load(&refault_blocks, block_index(entry));
		if (!block)
			continue;
		block_set(block, entry, part, 0);
		if (!block->nr_set) {
			__xa_erase(&refault_blocks, block_index(entry));
			kfree_rcu(block, rcu);
		}
	}
	xa_unlock_irqrestore(&refault_blocks, flags);
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
