/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Swap migration: private declarations.
 *
 * Data flows one way: core -> nodemap -> hot -> walk -> (evict | batch -> move) -> stat.
 */
#ifndef _MM_SWAPMIG_H
#define _MM_SWAPMIG_H

#include <linux/bitmap.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mm_inline.h>
#include <linux/mm_types.h>
#include <linux/nodemask.h>
#include <linux/numa.h>
#include <linux/rbtree.h>
#include <linux/swap.h>
#include <linux/swapmig.h>

/* The most base pages isolated under one hold of mmap_lock: one huge page. */
#define SWAPMIG_CHUNK_PAGES	512

/* How many of these are handled together: as many as reclaim isolates at once. */
#define SWAPMIG_GROUP_PAGES	SWAP_CLUSTER_MAX
#define SWAPMIG_BATCH_GROUPS	(SWAPMIG_CHUNK_PAGES / SWAPMIG_GROUP_PAGES)

/* Chunks whose write-back may be in flight while the next one is isolated. */
#define SWAPMIG_IN_FLIGHT	4

/*
 * Can a swap entry say that the page is exclusive to its process?  Where it cannot, as
 * on i386 and ia64, the next write to a page that has been unmapped goes to a copy.
 */
#ifdef __HAVE_ARCH_PTE_SWP_EXCLUSIVE
#define SWAP_ENTRIES_EXCLUSIVE	true
#else
#define SWAP_ENTRIES_EXCLUSIVE	false
#endif

/* How pages travel. */
enum swapmig_path {
	SWAPMIG_SWAP,
	SWAPMIG_DIRECT,
	SWAPMIG_AUTO,
	NR_SWAPMIG_PATHS,
};

/* Why a page has stayed on a source node. */
enum swapmig_reason {
	SWAPMIG_PINNED,		/* something refers to it */
	SWAPMIG_NO_ROOM,	/* its target node is full, and it cannot be evicted */
	SWAPMIG_NO_SWAP,	/* its target node is full, and there is no swap for it */
	SWAPMIG_NOT_PERMITTED,	/* its target node is full, and the caller may not evict it */
	SWAPMIG_BUSY,		/* others worked on it, or had it off the LRU */
	NR_SWAPMIG_REASONS,
};

/**
 * struct swapmig_nodemap - where the pages of each node go
 * @all: all source nodes
 * @pending: the source nodes of later stages
 * @sources: the source nodes of this stage
 * @target: the target node of each node in @all
 */
struct swapmig_nodemap {
	nodemask_t all;
	nodemask_t pending;
	nodemask_t sources;
	short target[MAX_NUMNODES];
};

/**
 * struct swapmig_chunk - folios isolated under one hold of mmap_lock
 * @swap: folios that are evicted, or else moved, the lowest address last, as reclaim takes
 *	its lists from the tail
 * @unmapped: folios to be evicted that the batch has unmapped and given a slot
 * @direct: folios that are moved, and evicted only if their target node is full
 * @files: file folios that are moved, and dropped only if their target node is full
 * @unevictable: folios that may only be moved, hugetlb included
 * @nr_pages: base pages on all lists and in the batch
 */
struct swapmig_chunk {
	struct list_head swap;
	struct list_head unmapped;
	struct list_head direct;
	struct list_head files;
	struct list_head unevictable;
	unsigned int nr_pages;
};

/**
 * struct swapmig_batch - folios that the walk has unmapped
 * @folios: locked folios, replaced by migration entries in the page tables; the
 *	reference of each entry is ours
 * @evict: which of @folios take the swap path
 * @nr: the number of @folios
 * @by_rmap: some of @folios are huge or of a file, and are mapped again by rmap.c
 */
struct swapmig_batch {
	struct folio *folios[SWAPMIG_CHUNK_PAGES];
	DECLARE_BITMAP(evict, SWAPMIG_CHUNK_PAGES);
	unsigned int nr;
	bool by_rmap;
};

/**
 * struct swapmig_call - one call of do_migrate_pages()
 * @mm: the address space of the process, pinned by mm_count only
 * @map: where the pages go
 * @path: the preferred path
 * @shared: migrate pages that other processes have, too
 * @evict: pages may be evicted; otherwise they are only moved
 * @evict_shared: shared pages may be evicted, and given refault nodes in swap
 * @nr_evicted: base pages evicted
 * @leftover: isolated folios that could not be evicted, or not be moved though there was room
 * @in_flight: a ring of chunks whose eviction is under way
 * @nr_submitted: chunks added to the ring so far
 * @late: isolated folios that have been written, but that something still refers to
 * @nr_late: base pages that have been set aside since @late was empty
 * @nr_moved: base pages moved
 * @full: source nodes whose target node had no room for a page in this pass
 * @batch: those folios of the chunk that the walk has unmapped
 * @next: the address at which the next walk starts
 * @hot_only: this pass migrates what is hot
 * @seen: the parts of files of which this pass has looked at what is in swap
 * @nr_busy: base pages that this pass could not isolate
 * @nr_left: base pages that this pass has put back on source nodes, by reason
 * @ended: the process has exited or the caller has been killed
 */
struct swapmig_call {
	struct mm_struct *mm;
	struct swapmig_nodemap map;
	enum swapmig_path path;
	bool shared;
	bool evict;
	bool evict_shared;

	/* evict.c */
	unsigned long nr_evicted;
	struct list_head leftover;
	struct list_head in_flight[SWAPMIG_IN_FLIGHT];
	unsigned int nr_submitted;
	struct list_head late;
	unsigned int nr_late;

	/* move.c */
	unsigned long nr_moved;
	nodemask_t full;
	struct swapmig_batch batch;

	/* walk.c */
	unsigned long next;
	bool hot_only;
	struct rb_root seen;
	unsigned long nr_busy;

	/* core.c */
	unsigned long nr_left[NR_SWAPMIG_REASONS];
	bool ended;
};

/* As swapmig_account_list(), for one folio that is not hugetlb. */
static inline void swapmig_account_isolated(struct folio *folio, int sign)
{
	node_stat_mod_folio(folio, NR_ISOLATED_ANON + folio_is_file_lru(folio),
			    sign * folio_nr_pages(folio));
}

/* As vm_normal_page(), which is far to call for each page. */
static inline struct page *swapmig_normal_page(struct vm_area_struct *vma,
					       unsigned long addr, pte_t pte)
{
	if (IS_ENABLED(CONFIG_ARCH_HAS_PTE_SPECIAL) && likely(!pte_special(pte)))
		return pte_page(pte);
	return vm_normal_page(vma, addr, pte);
}

/*
 * Does anything refer to an isolated folio besides us, mappings and caches?  Such a folio
 * can be neither evicted nor moved.  The reference may be short-lived, as that of a
 * per-CPU batch, or belong to a device or a pipe.  The counts are read one after the
 * other: a folio that is just being unmapped may count as pinned, too.
 */
static inline bool swapmig_folio_pinned(struct folio *folio)
{
	long refs = folio_ref_count(folio) - 1;

	if (folio_test_swapcache(folio) || (folio->mapping && !folio_test_anon(folio)))
		refs -= folio_nr_pages(folio);
	if (folio_test_private(folio))
		refs--;
	/* Counting the mappings of a huge page takes time: try to do without. */
	if (folio_test_large(folio) && refs <= folio_entire_mapcount(folio))
		return false;
	return refs > folio_mapcount(folio);
}

/* nodemap.c */
void swapmig_nodemap_init(struct swapmig_nodemap *map, const nodemask_t *from,
			  const nodemask_t *to, enum swapmig_path path);
bool swapmig_nodemap_next(struct swapmig_nodemap *map);
int swapmig_nodemap_refault(const struct swapmig_nodemap *map, int nid);

/* evict.c */
void swapmig_account_list(struct list_head *folios, int sign);
bool swapmig_may_swap(struct folio *folio);
bool swapmig_memcg_protected(struct mem_cgroup *memcg);
void swapmig_evict_make_room(struct swapmig_call *call);
void swapmig_evict(struct swapmig_call *call, struct list_head *folios,
		   struct list_head *unmapped);
void swapmig_evict_finish(struct swapmig_call *call);

/* swapcache.c */
#ifdef CONFIG_SWAP
void swapmig_swapcache_add(struct folio **folios, swp_entry_t *entries, unsigned int nr);
unsigned int swapmig_swapcache_write(struct list_head *folios, struct list_head *written);
#else
static inline void swapmig_swapcache_add(struct folio **folios, swp_entry_t *entries,
					 unsigned int nr)
{
}

static inline unsigned int swapmig_swapcache_write(struct list_head *folios,
						   struct list_head *written)
{
	return 0;
}
#endif

/* refault.c */
#ifdef CONFIG_SWAP
void swapmig_refault_enable(void);
int swapmig_refault_set(swp_entry_t entry, unsigned int nr_slots, int nid);
int swapmig_refault_origin(swp_entry_t entry);
struct xarray *swapmig_refault_tree(swp_entry_t entry);
int swapmig_refault_set_folio(const struct swapmig_nodemap *map,
			      struct folio *folio, swp_entry_t entry);
#else
static inline void swapmig_refault_enable(void)
{
}

static inline int swapmig_refault_set(swp_entry_t entry, unsigned int nr_slots,
				      int nid)
{
	return 0;
}

static inline int swapmig_refault_origin(swp_entry_t entry)
{
	return NUMA_NO_NODE;
}

static inline int swapmig_refault_set_folio(const struct swapmig_nodemap *map,
					    struct folio *folio,
					    swp_entry_t entry)
{
	return 0;
}
#endif

/* move.c */
int swapmig_move(struct swapmig_call *call, struct list_head *folios);

/* batch.c */
bool swapmig_batch_suits(struct vm_area_struct *vma);
bool swapmig_batch_take(struct swapmig_batch *batch, struct vm_area_struct *vma,
			unsigned long addr, pte_t *ptep, struct folio *folio, bool evict);
bool swapmig_batch_take_huge(struct swapmig_batch *batch, struct vm_area_struct *vma,
			     unsigned long addr, pmd_t *pmd, struct page *page);
void swapmig_batch_migrate(struct swapmig_call *call, struct swapmig_chunk *chunk);

/* sharing.c */
bool swapmig_may_evict_file(struct vm_area_struct *vma);
struct folio *swapmig_get_swap_cache(swp_entry_t entry);
bool swapmig_folio_shared(struct vm_area_struct *vma, unsigned long addr,
			  struct page *page, unsigned int nr);
bool swapmig_slot_shared(swp_entry_t entry, spinlock_t *ptl,
			 unsigned long *nr_busy);

/* seen.c */
bool swapmig_seen_next(struct rb_root *seen, struct address_space *mapping,
		       pgoff_t *first, pgoff_t *last);
int swapmig_seen_add(struct rb_root *seen, struct address_space *mapping,
		     pgoff_t first, pgoff_t last);
void swapmig_seen_clear(struct rb_root *seen);

/* hot.c */
bool swapmig_hot_sample(struct swapmig_call *call);
bool swapmig_hot_ptes(struct vm_area_struct *vma, unsigned long addr, pte_t *pte,
		      unsigned int nr);
bool swapmig_hot_pmd(struct vm_area_struct *vma, unsigned long addr, pmd_t *pmd);

/* walk.c */
int swapmig_walk(struct swapmig_call *call, struct swapmig_chunk *chunk);

/* stat.c */
enum swapmig_path swapmig_preferred_path(void);
const char *swapmig_path_name(enum swapmig_path path);
unsigned int swapmig_window_ms(void);

#endif /* _MM_SWAPMIG_H */
