/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Swap migration: what the rooms of mm/swapmig say to each other.
 *
 * Data flows one way: core -> nodemap -> walk -> evict -> stat.
 */
#ifndef _MM_SWAPMIG_H
#define _MM_SWAPMIG_H

#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/nodemask.h>

/* The most base pages isolated under one hold of mmap_lock: one huge page. */
#define SWAPMIG_CHUNK_PAGES	512

/* Chunks whose write-back may be in flight while the next one is isolated. */
#define SWAPMIG_IN_FLIGHT	4

/**
 * struct swapmig_nodemap - where the pages of each node go
 * @sources: the nodes whose pages have to leave
 * @target: by source node, the node its pages are sent to
 */
struct swapmig_nodemap {
	nodemask_t sources;
	short target[MAX_NUMNODES];
};

/**
 * struct swapmig_chunk - folios isolated under one hold of mmap_lock
 * @folios: isolated folios that may be evicted, the lowest address last, as
 *	reclaim takes its lists from the tail
 * @unevictable: isolated folios that eviction must not touch
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
 * @shared: pages that other processes map as well are to be taken too
 * @next: the address at which the walk goes on
 * @in_flight: a ring of chunks whose eviction is under way
 * @nr_submitted: chunks handed to the ring so far
 * @left: isolated folios that could not be carried
 * @nr_evicted: base pages whose frames this pass has freed
 * @nr_busy: base pages that this pass could not isolate
 * @nr_failed: base pages that this pass had to leave where they are
 */
struct swapmig_call {
	struct mm_struct *mm;
	struct swapmig_nodemap map;
	bool shared;
	unsigned long next;
	struct list_head in_flight[SWAPMIG_IN_FLIGHT];
	unsigned int nr_submitted;
	struct list_head left;
	unsigned long nr_evicted;
	unsigned long nr_busy;
	unsigned long nr_failed;
};

void swapmig_nodemap_init(struct swapmig_nodemap *map, const nodemask_t *from,
			  const nodemask_t *to);

int swapmig_walk(struct swapmig_call *call, struct swapmig_chunk *chunk);

void swapmig_evict(struct swapmig_call *call, struct list_head *folios);
void swapmig_evict_finish(struct swapmig_call *call);

void swapmig_count_evicted(unsigned long nr_pages);
void swapmig_count_failed(unsigned long nr_pages);

#endif /* _MM_SWAPMIG_H */
