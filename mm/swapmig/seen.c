// SPDX-License-Identifier: GPL-2.0
/*
 * Swap migration: the parts of files that a pass has looked at.
 *
 * A process may map the same part of a file many times.  The same pages of it are in
 * swap each time, so one look is enough.  The ranges are kept in a tree, sorted by
 * file and index.  They do not overlap, and no two of a file are adjacent.
 *
 * A reference to a file would keep its file system from being unmounted.  Without
 * one, the file may go and another take its place in memory: therefore the number and
 * the generation of the inode are compared, too.
 */
#include <linux/fs.h>
#include <linux/rbtree.h>
#include <linux/slab.h>

#include "swapmig.h"

struct swapmig_range {
	struct rb_node node;
	struct address_space *mapping;
	unsigned long ino;
	u32 generation;
	pgoff_t first;
	pgoff_t last;
};

static void swapmig_range_init(struct swapmig_range *range,
			       struct address_space *mapping, pgoff_t first,
			       pgoff_t last)
{
	range->mapping = mapping;
	range->ino = mapping->host->i_ino;
	range->generation = mapping->host->i_generation;
	range->first = first;
	range->last = last;
}

static int swapmig_range_cmp_file(const struct swapmig_range *a,
				  const struct swapmig_range *b)
{
	if (a->mapping != b->mapping)
		return a->mapping < b->mapping ? -1 : 1;
	if (a->ino != b->ino)
		return a->ino < b->ino ? -1 : 1;
	if (a->generation != b->generation)
		return a->generation < b->generation ? -1 : 1;
	return 0;
}

static bool swapmig_range_less(struct rb_node *node, const struct rb_node *other)
{
	const struct swapmig_range *a = rb_entry(node, struct swapmig_range, node);
	const struct swapmig_range *b = rb_entry(other, struct swapmig_range, node);
	int cmp = swapmig_range_cmp_file(a, b);

	return cmp ? cmp < 0 : a->first < b->first;
}

/*
 * Find the neighbours of @range: the last one of the same file that does not begin
 * after it, and the first one that does.  Each is NULL if there is none.
 */
static void swapmig_seen_neighbours(struct rb_root *seen, struct swapmig_range *range,
				    struct swapmig_range **before,
				    struct swapmig_range **after)
{
	struct rb_node *node = seen->rb_node;

	*before = NULL;
	*after = NULL;
	while (node) {
		struct swapmig_range *r = rb_entry(node, struct swapmig_range, node);

		if (swapmig_range_less(&range->node, node)) {
			*after = r;
			node = node->rb_left;
		} else {
			*before = r;
			node = node->rb_right;
		}
	}
	if (*before && swapmig_range_cmp_file(*before, range))
		*before = NULL;
	if (*after && swapmig_range_cmp_file(*after, range))
		*after = NULL;
}

/**
 * swapmig_seen_next - find a part of a file that has not been looked at
 * @seen: what has been looked at
 * @mapping: the file
 * @first: where to begin; on success, the first page of the part
 * @last: the last page that is of interest; on success, the last page of the part
 *
 * Context: any.  The caller keeps the file from going away.
 * Return: whether there is such a part.
 */
bool swapmig_seen_next(struct rb_root *seen, struct address_space *mapping,
		       pgoff_t *first, pgoff_t *last)
{
	struct swapmig_range range, *before, *after;

	swapmig_range_init(&range, mapping, *first, *last);
	swapmig_seen_neighbours(seen, &range, &before, &after);
	if (before && before->last >= range.first)
		range.first = before->last + 1;
	if (after && after->first <= range.last)
		range.last = after->first - 1;

	*first = range.first;
	*last = range.last;
	return range.first <= range.last;
}

/**
 * swapmig_seen_add - note that a part of a file has been looked at
 * @seen: what has been looked at
 * @mapping: the file
 * @first: the first page of the part, which swapmig_seen_next() has found
 * @last: its last page
 *
 * Context: any.  The caller keeps the file from going away.
 * Return: 0 or -ENOMEM.
 */
int swapmig_seen_add(struct rb_root *seen, struct address_space *mapping,
		     pgoff_t first, pgoff_t last)
{
	struct swapmig_range range, *before, *after, *new;

	swapmig_range_init(&range, mapping, first, last);
	swapmig_seen_neighbours(seen, &range, &before, &after);
	if (after && after->first != last + 1)
		after = NULL;
	if (before && before->last + 1 == first) {
		before->last = after ? after->last : last;
		if (after) {
			rb_erase(&after->node, seen);
			kfree(after);
		}
		return 0;
	}
	if (after) {
		after->first = first;
		return 0;
	}

	new = kmemdup(&range, sizeof(range), GFP_NOWAIT | __GFP_NOWARN);
	if (!new)
		return -ENOMEM;
	rb_add(&new->node, seen, swapmig_range_less);
	return 0;
}

/**
 * swapmig_seen_clear - forget what has been looked at
 * @seen: the ranges; empty on return
 *
 * Context: any.
 */
void swapmig_seen_clear(struct rb_root *seen)
{
	struct swapmig_range *range, *next;

	rbtree_postorder_for_each_entry_safe(range, next, seen, node)
		kfree(range);
	*seen = RB_ROOT;
}
