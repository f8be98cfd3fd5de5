/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory of a test: what is in it, and where it is.
 */
#ifndef SWAPMIG_PAGES_H
#define SWAPMIG_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define MIB			(1024UL * 1024)
#define SM_HUGE			(2 * MIB)

extern size_t sm_page;			/* base page size */

static inline long sm_pages(size_t len)
{
	return len / sm_page;
}

/* Where pages are, in base pages. */
long sm_on_node(pid_t pid, const void *addr, size_t len, int node);
long sm_present(pid_t pid, const void *addr, size_t len);
long sm_in_memory(void *addr, size_t len);	/* page or swap cache too */
long sm_swapped(pid_t pid, const void *addr, size_t len);
long sm_mapped_on_node(pid_t pid, int node);	/* the whole process */
/* The number after @key in the line of the mapping at @addr; 0 if it is not there. */
long sm_numa_maps(pid_t pid, const void *addr, const char *key);
long sm_smaps(const void *addr, const char *key);	/* kB of one mapping */
long sm_huge(const void *addr);	/* of which are mapped as huge pages */
const char *sm_lacks_huge_at(const void *addr, size_t len);	/* NULL if all are */

int sm_move_pages(void *addr, size_t len, int node);	/* -1: not all of them */

/*
 * Can this kernel move a huge page at all, and in one piece?  To find out, move the
 * one at @addr from @node to the node @there and back with move_pages(2).
 */
bool sm_moves_huge(void *addr, int node, int there);

/* Memory with a content that can be verified; NULL when there is none. */
void *sm_map_fd(int fd, size_t len, int prot, int flags);
void *sm_map(size_t len);		/* anonymous, of base pages */
void *sm_map_huge(size_t len);		/* aligned, and advised to be huge */
void *sm_map_shared(int fd, size_t len, bool huge);	/* anonymous if @fd is -1 */
void sm_touch(const void *addr, size_t len);	/* read each page */
void sm_fill_page(void *addr, uint64_t seed, size_t index);
void sm_fill(void *addr, size_t len, uint64_t seed);
long sm_bad(const void *addr, size_t len, uint64_t seed);	/* wrong pages */
bool sm_page_is(const void *addr, uint64_t seed, size_t index);
int sm_fill_file(int fd, size_t len, uint64_t seed);

/* Shared with children: what must survive the test that wrote it. */
void *sm_share(size_t len);

/*
 * Have memory swapped out in the ordinary way. The caller is not pinned. Pages that a
 * disk is still writing stay in the swap cache: see sm_swap_out().
 */
int sm_page_out(void *addr, size_t len);

#endif /* SWAPMIG_PAGES_H */
