// SPDX-License-Identifier: GPL-2.0
/*
 * Swap migration: the return address of an evicted page.
 *
 * The swap slot of an evicted page has a refault node, on which the page is
 * allocated when it is swapped in.  The nodes of neighbouring slots are kept in one
 * block, because such slots tend to be allocated and freed together.  Each swap
 * device has an XArray that holds its blocks.  Freeing a slot clears its refault
 * node, so that the next user of the slot does not inherit it.
 *
 * A refault node is set only while the slot cannot be freed.  The caller holds the
 * lock of a folio in the swap cache, or the lock of a page-table or page-cache entry
 * that refers to the slot.
 *
 * Until the first call, a static key skips all this.
 */
#include <linux/cpuset.h>
#include <linux/error-injection.h>
#include <linux/mempolicy.h>
#include <linux/pagemap.h>
#include <linux/pagewalk.h>
#include <linux/rcupdate.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/swapmig.h>
#include <linux/swapops.h>
#include <linux/vmstat.h>
#include <linux/xarray.h>
#include <trace/events/swapmig.h>

#include "../swap.h"
#include "swapmig.h"

DEFINE_STATIC_KEY_FALSE(swapmig_refault_key);

/* With this many slots, a block takes one kibibyte. */
#define SWAPMIG_REFAULT_BLOCK_SLOTS	250

/**
 * struct swapmig_refault_block - the refault nodes of neighbouring slots
 * @rcu: delays the freeing of the block, as readers take no lock
 * @nr_set: the number of slots that have, or are about to get, a refault node.  The
 *	block is freed when this drops to 0, and this grows from 0 only under the lock of
 *	the tree
 * @node: for each slot its refault node plus one, or 0; not every machine can exchange
 *	less than 32 bits atomically
 */
struct swapmig_refault_block {
	struct rcu_head rcu;
	atomic_t nr_set;
	u32 node[SWAPMIG_REFAULT_BLOCK_SLOTS];
};

/*
 * By swap device.  The locks are taken under that of a page cache, which interrupts
 * take, too.
 */
static struct xarray swapmig_refault_trees[MAX_SWAPFILES] = {
	[0 ... MAX_SWAPFILES - 1] = XARRAY_INIT(swapmig_refault_trees,
						XA_FLAGS_LOCK_IRQ),
};

/**
 * swapmig_refault_tree - find the blocks of a swap device
 * @entry: a slot of the device
 *
 * Context: any.
 * Return: the XArray of the blocks.
 */
struct xarray *swapmig_refault_tree(swp_entry_t entry)
{
	return &swapmig_refault_trees[swp_type(entry)];
}

static unsigned long swapmig_refault_block_index(swp_entry_t entry)
{
	return swp_offset(entry) / SWAPMIG_REFAULT_BLOCK_SLOTS;
}

/* The place of @entry in its block. */
static unsigned int swapmig_refault_block_pos(swp_entry_t entry)
{
	return swp_offset(entry) % SWAPMIG_REFAULT_BLOCK_SLOTS;
}

/* How many of the @nr_slots slots from @entry on are in the block of @entry. */
static unsigned int swapmig_refault_block_part(swp_entry_t entry,
					       unsigned int nr_slots)
{
	return min_t(unsigned int, nr_slots, SWAPMIG_REFAULT_BLOCK_SLOTS -
					     swapmig_refault_block_pos(entry));
}

/* The caller counts in the block, is in an RCU read-side section, or holds the lock. */
static struct swapmig_refault_block *swapmig_refault_block_find(swp_entry_t entry)
{
	return xa_load(swapmig_refault_tree(entry), swapmig_refault_block_index(entry));
}

static struct swapmig_refault_block *swapmig_refault_block_alloc(swp_entry_t entry)
{
	const gfp_t gfp = __GFP_HIGH | __GFP_NOMEMALLOC | __GFP_NOWARN;
	struct xarray *tree = swapmig_refault_tree(entry);
	struct swapmig_refault_block *block;

	lockdep_assert_held(&tree->xa_lock);
	block = kzalloc(sizeof(*block), gfp);
	if (block && xa_is_err(__xa_store(tree, swapmig_refault_block_index(entry),
					  block, gfp))) {
		kfree(block);
		block = NULL;
	}
	return block;
}

/* Find the block of @entry, or allocate it, and count @nr_slots more slots in it. */
static struct swapmig_refault_block *
swapmig_refault_block_get(swp_entry_t entry, unsigned int nr_slots)
{
	struct xarray *tree = swapmig_refault_tree(entry);
	struct swapmig_refault_block *block;
	unsigned long flags;
	bool counted;

	rcu_read_lock();
	block = swapmig_refault_block_find(entry);
	counted = block && atomic_add_unless(&block->nr_set, nr_slots, 0);
	rcu_read_unlock();
	if (counted)
		return block;

	xa_lock_irqsave(tree, flags);
	block = swapmig_refault_block_find(entry) ?: swapmig_refault_block_alloc(entry);
	if (block)
		atomic_add(nr_slots, &block->nr_set);
	xa_unlock_irqrestore(tree, flags);
	return block;
}

/*
 * Free a block whose @nr_set was 0 a moment ago, if it still is.  Without the lock, the
 * block may be gone: only its address is used.  Not inlined, so that a probe can count how
 * often freeing a slot takes the lock.
 */
static noinline void swapmig_refault_block_free(swp_entry_t entry,
						struct swapmig_refault_block *block)
{
	struct xarray *tree = swapmig_refault_tree(entry);
	unsigned long flags;

	xa_lock_irqsave(tree, flags);
	if (swapmig_refault_block_find(entry) == block && !atomic_read(&block->nr_set)) {
		__xa_erase(tree, swapmig_refault_block_index(entry));
		kfree_rcu(block, rcu);
	}
	xa_unlock_irqrestore(tree, flags);
}

/* Count @nr_slots slots less in the block of @entry. */
static void swapmig_refault_block_put(swp_entry_t entry,
				      struct swapmig_refault_block *block,
				      unsigned int nr_slots)
{
	if (nr_slots && atomic_sub_and_test(nr_slots, &block->nr_set))
		swapmig_refault_block_free(entry, block);
}

/**
 * swapmig_refault_enable - let swap slots have refault nodes
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
	unsigned int pos, part, end, nr_had;
	struct swapmig_refault_block *block;

	for (; nr_slots; nr_slots -= part, entry.val += part) {
		part = swapmig_refault_block_part(entry, nr_slots);
		block = swapmig_refault_block_get(entry, part);
		if (!block)
			return -ENOMEM;
		nr_had = 0;
		pos = swapmig_refault_block_pos(entry);
		for (end = pos + part; pos < end; pos++)
			nr_had += !!xchg(&block->node[pos], nid + 1);
		swapmig_refault_block_put(entry, block, nr_had);
	}
	return 0;
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
	struct swapmig_refault_block *block;
	u32 node = 0;

	rcu_read_lock();
	block = swapmig_refault_block_find(entry);
	if (block)
		node = READ_ONCE(block->node[swapmig_refault_block_pos(entry)]);
	rcu_read_unlock();

	return node ? node - 1 : NUMA_NO_NODE;
}

/**
 * swapmig_refault_origin - find the node that a page in swap was evicted from
 * @entry: the slot of the page
 *
 * The shadow that reclaim leaves in the swap cache names the node.  It may be gone,
 * because shadows are reclaimed, too.  A page that is in the swap cache has not left its
 * node.
 *
 * Context: any.  The caller keeps the slot from being freed.
 * Return: the node, or NUMA_NO_NODE.
 */
int swapmig_refault_origin(swp_entry_t entry)
{
	int nid = NUMA_NO_NODE;
	struct page *page;

	rcu_read_lock();
	page = xa_load(&swap_address_space(entry)->i_pages, swp_offset(entry));
	if (xa_is_value(page))
		nid = workingset_shadow_nid(page);
	else if (page)
		nid = page_to_nid(page);
	rcu_read_unlock();

	return nid;
}

/* Clear the refault nodes of @nr_slots slots from @entry on, all in one block. */
static void swapmig_refault_clear(swp_entry_t entry, unsigned int nr_slots)
{
	unsigned int pos = swapmig_refault_block_pos(entry);
	struct swapmig_refault_block *block;
	unsigned int end, nr_had = 0;

	rcu_read_lock();
	block = swapmig_refault_block_find(entry);
	if (block) {
		/* Two processes that share slots after fork may both call mbind(). */
		for (end = pos + nr_slots; pos < end; pos++)
			if (READ_ONCE(block->node[pos]))
				nr_had += !!xchg(&block->node[pos], 0);
		swapmig_refault_block_put(entry, block, nr_had);
	}
	rcu_read_unlock();
}

/**
 * __swapmig_refault_free_slots - clear the refault nodes of swap slots
 * @entry: the first slot
 * @nr_slots: number of slots
 *
 * See swapmig_refault_free_slots().  Nobody sets the nodes of slots that are being
 * freed, so a look tells whether there is anything to clear.
 *
 * Context: any.
 */
void __swapmig_refault_free_slots(swp_entry_t entry, unsigned int nr_slots)
{
	unsigned int part;

	for (; nr_slots; nr_slots -= part, entry.val += part) {
		part = swapmig_refault_block_part(entry, nr_slots);
		swapmig_refault_clear(entry, part);
	}
}

/**
 * swapmig_refault_set_folio - set the refault node of a folio's swap slots
 * @map: the node map of the call
 * @folio: the locked folio
 * @entry: the first of its slots
 *
 * The refault node is the one to which @map sends the node of the folio.  A folio
 * that is not on a source node is left alone.
 *
 * Context: any.
 * Return: 0, or -ENOMEM with only some of the slots set.
 */
int swapmig_refault_set_folio(const struct swapmig_nodemap *map,
			      struct folio *folio, swp_entry_t entry)
{
	int nid = folio_nid(folio);

	VM_WARN_ON_ONCE_FOLIO(!folio_test_locked(folio), folio);
	if (!node_isset(nid, map->sources))
		return 0;
	return swapmig_refault_set(entry, folio_nr_pages(folio),
				   map->target[nid]);
}

/**
 * __swapmig_refault_note_slots - set the refault node of a folio that gets slots
 * @folio: the locked folio
 * @entry: the first of its slots
 *
 * See swapmig_refault_note_slots().
 *
 * Context: process context.
 * Return: 0, or -ENOMEM.
 */
int __swapmig_refault_note_slots(struct folio *folio, swp_entry_t entry)
{
	struct reclaim_state *rs = current->reclaim_state;

	if (!entry.val || !rs || !rs->refault_map)
		return 0;
	return swapmig_refault_set_folio(rs->refault_map, folio, entry);
}

/**
 * __swapmig_refault_count_folio - count a page that came back
 * @entry: the slot it is read from
 * @folio: the folio it is read to
 *
 * See swapmig_refault_count_folio().
 *
 * Context: any.  The caller keeps the slot from being freed.
 */
void __swapmig_refault_count_folio(swp_entry_t entry, struct folio *folio)
{
	int nid = swapmig_refault_get(entry);

	if (nid == NUMA_NO_NODE)
		return;
	count_vm_event(folio_nid(folio) == nid ? SWAPMIG_REFAULT_HIT :
						 SWAPMIG_REFAULT_MISS);
	trace_swapmig_refault(entry.val, nid, folio_nid(folio));
}

static void swapmig_refault_forget_slot(swp_entry_t entry)
{
	if (swapmig_refault_get(entry) != NUMA_NO_NODE)
		__swapmig_refault_free_slots(entry, 1);
}

/* A page that has come back may keep its slot, and be evicted to it again unwritten. */
static void swapmig_refault_forget_page(struct page *page)
{
	struct folio *folio;
	swp_entry_t entry;

	if (!page || !PageSwapCache(page))
		return;
	folio = page_folio(page);
	if (!folio_trylock(folio))
		return;
	if (folio_test_swapcache(folio)) {
		entry.val = page_private(page);
		swapmig_refault_forget_slot(entry);
	}
	folio_unlock(folio);
}

static int swapmig_refault_forget_ptes(pmd_t *pmd, unsigned long addr,
				       unsigned long end, struct mm_walk *walk)
{
	pte_t *mapped_pte, *pte;
	spinlock_t *ptl;

	if (pmd_trans_unstable(pmd))
		return 0;
	mapped_pte = pte_offset_map_lock(walk->mm, pmd, addr, &ptl);
	for (pte = mapped_pte; addr != end; pte++, addr += PAGE_SIZE) {
		if (pte_present(*pte))
			swapmig_refault_forget_page(vm_normal_page(walk->vma, addr, *pte));
		else if (is_swap_pte(*pte) && !non_swap_entry(pte_to_swp_entry(*pte)))
			swapmig_refault_forget_slot(pte_to_swp_entry(*pte));
	}
	pte_unmap_unlock(mapped_pte, ptl);
	cond_resched();
	return 0;
}

static void swapmig_refault_forget_shmem(struct vm_area_struct *vma,
					 unsigned long start, unsigned long end)
{
	struct xarray *pages = &vma->vm_file->f_mapping->i_pages;
	XA_STATE(xas, pages, linear_page_index(vma, start));
	unsigned int looked = 0;
	void *entry;

	xas_lock_irq(&xas);
	xas_for_each(&xas, entry, linear_page_index(vma, end - 1)) {
		if (xa_is_value(entry) &&
		    !non_swap_entry(radix_to_swp_entry(entry)))
			swapmig_refault_forget_slot(radix_to_swp_entry(entry));
		if (++looked % XA_CHECK_SCHED)
			continue;
		xas_pause(&xas);
		xas_unlock_irq(&xas);
		cond_resched();
		xas_lock_irq(&xas);
	}
	xas_unlock_irq(&xas);
}

static int swapmig_refault_forget_vma(unsigned long start, unsigned long end,
				      struct mm_walk *walk)
{
	struct vm_area_struct *vma = walk->vma;
	struct address_space *mapping = NULL;

	if (vma->vm_file)
		mapping = vma->vm_file->f_mapping;
	if (mapping && shmem_mapping(mapping) &&
	    READ_ONCE(SHMEM_I(mapping->host)->swapped))
		swapmig_refault_forget_shmem(vma, start, end);
	/* Can the page tables have a page that is in swap or has kept its slot? */
	return (!get_mm_counter(walk->mm, MM_SWAPENTS) && !total_swapcache_pages()) ||
	       !vma_migratable(vma);
}

static const struct mm_walk_ops swapmig_refault_forget_ops = {
	.test_walk	= swapmig_refault_forget_vma,
	.pmd_entry	= swapmig_refault_forget_ptes,
};

/**
 * __swapmig_refault_forget - clear the refault nodes of a range of memory
 * @mm: the address space
 * @start: where the range starts
 * @end: where it ends
 *
 * See swapmig_refault_forget().
 *
 * Context: process context, sleeps; mmap_lock is held.
 */
void __swapmig_refault_forget(struct mm_struct *mm, unsigned long start,
			      unsigned long end)
{
	walk_page_range(mm, start, end, &swapmig_refault_forget_ops, NULL);
}

/*
 * Allocate on @nid, or else as near to it as a bind policy allows.  Reclaim makes room on
 * the preferred node of an ordinary allocation first.  Let it do the same on @nid, but
 * kill no process for that.
 */
static struct folio *swapmig_refault_alloc_near(int nid, gfp_t gfp,
						struct vm_area_struct *vma,
						unsigned long addr)
{
	struct mempolicy *pol;
	struct folio *folio;

	folio = __folio_alloc(gfp | __GFP_THISNODE | __GFP_NORETRY | __GFP_NOWARN,
			      0, nid, NULL);
	if (folio)
		return folio;

	pol = __get_vma_policy(vma, addr) ?: get_task_policy(current);
	folio = __folio_alloc(gfp, 0, nid, pol->mode == MPOL_BIND ?
			      policy_nodemask(gfp, pol) : NULL);
	mpol_cond_put(pol);
	return folio;
}

/**
 * __swapmig_refault_alloc_folio - allocate a page to swap in to
 * @entry: the slot to be read
 * @gfp: how to allocate
 * @vma: the VMA of the fault
 * @addr: the faulting address
 *
 * See swapmig_refault_alloc_folio().  The refault node wins over the policy of the
 * VMA, which a move ignores, too, but not over the cpuset of the task.  If the node
 * is full, and reclaim cannot make room there, the page is allocated near it, but
 * inside the mask of a bind policy.
 *
 * Context: as vma_alloc_folio().
 * Return: an order-0 folio, or NULL.
 */
struct folio *__swapmig_refault_alloc_folio(swp_entry_t entry, gfp_t gfp,
					    struct vm_area_struct *vma,
					    unsigned long addr)
{
	int nid = swapmig_refault_get(entry);

	if (nid != NUMA_NO_NODE && node_state(nid, N_MEMORY) &&
	    cpuset_node_allowed(nid, gfp | __GFP_HARDWALL))
		return swapmig_refault_alloc_near(nid, gfp, vma, addr);
	return vma_alloc_folio(gfp, 0, vma, addr, false);
}
