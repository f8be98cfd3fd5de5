/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Swap migration: what the rooms of mm/swapmig say to each other.
 *
 * Data flows one way: core -> nodemap -> walk -> (evict | move) -> stat.
 */
#ifndef _MM_SWAPMIG_H
#define _MM_SWAPMIG_H

#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/nodemask.h>
#include <linux/numa.h>
#include <linux/swap.h>

/* The most base pages isolated under one hold of mmap_lock: one huge page. */
#define SWAPMIG_CHUNK_PAGES	512

/* Chunks whose write-back may be in flight while the next one is isolated. */
#define SWAPMIG_IN_FLIGHT	4

/* How pages travel. */
enum swapmig_path {
	SWAPMIG_SWAP,
	SWAPMIG_DIRECT,
	NR_SWAPMIG_PATHS,
};

/**
 * struct swapmig_nodemap - where the pages of each node go
 * @all: the nodes whose pages have to leave
 * @ahead: those of them that later stages will see to
 * @sources: those that this stage sees to
 * @target: by node in @all, the node its pages are sent to
 */
struct swapmig_nodemap {
	nodemask_t all;
	nodemask_t ahead;
	nodemask_t sources;
	short target[MAX_NUMNODES];
};

/**
 * struct swapmig_chunk - folios isolated under one hold of mmap_lock
 * @folios: isolated folios that may be evicted, the lowest address last, as
 *	reclaim takes its lists from the tail
 * @unevictable: isolated folios that eviction must not touch, hugetlb included
 * @nr_pages: base pages on both lists
 */
struct swapmig_chunk {
	struct list_head folios;
	struct list_head unevictable;
	unsigned int nr_pages;
};

/**
 * struct swapmig_call - one call of do_migrate_pages()
 * @mm: the target's address space, pinned by mm_count only
 * @map: where the pages go
 * @path: the path that is tried first
 * @shared: pages that others have as well are to be taken, too
 * @evict_shared: they may be evicted, and sent elsewhere while they are in swap; else
 *	they are only moved
 * @next: the address at which the walk goes on
 * @in_flight: a ring of chunks whose eviction is under way
 * @nr_submitted: chunks handed to the ring so far
 * @left: isolated folios that could not be carried
 * @nr_evicted: base pages whose frames the call has freed
 * @nr_moved: base pages that the call has moved
 * @ended: the target has exited or the caller has been killed
 * @nr_busy: base pages that this pass could not isolate
 * @nr_failed: base pages that this pass had to leave where they are
 */
struct swapmig_call {
	struct mm_struct *mm;
	struct swapmig_nodemap map;
	enum swapmig_path path;
	bool shared;
	bool evict_shared;
	unsigned long next;
	struct list_head in_flight[SWAPMIG_IN_FLIGHT];
	unsigned int nr_submitted;
	struct list_head left;
	unsigned long nr_evicted;
	unsigned long nr_moved;
	bool ended;
	unsigned long nr_busy;
	unsigned long nr_failed;
};

void swapmig_nodemap_init(struct swapmig_nodemap *map, const nodemask_t *from,
			  const nodemask_t *to, enum swapmig_path path);
bool swapmig_nodemap_next(struct swapmig_nodemap *map);
int swapmig_nodemap_refault(const struct swapmig_nodemap *map, int nid,
			    unsigned long salt);

int swapmig_walk(struct swapmig_call *call, struct swapmig_chunk *chunk);

void swapmig_evict(struct swapmig_call *call, struct list_head *folios);
void swapmig_evict_finish(struct swapmig_call *call);

void swapmig_move(struct swapmig_call *call, struct list_head *folios);

#ifdef CONFIG_SWAP
void swapmig_refault_enable(void);
int swapmig_refault_set(swp_entry_t entry, unsigned int nr_slots, int nid);
int swapmig_refault_get(swp_entry_t entry);
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

static inline int swapmig_refault_get(swp_entry_t entry)
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

enum swapmig_path swapmig_preferred_path(void);
const char *swapmig_path_name(enum swapmig_path path);
void swapmig_count_evicted(unsigned long nr_pages);
void swapmig_count_moved(unsigned long nr_pages);
void swapmig_count_failed(unsigned long nr_pages);
void swapmig_count_refault(bool hit);

#endif /* _MM_SWAPMIG_H */
