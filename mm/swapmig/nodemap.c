// SPDX-License-Identifier: GPL-2.0
/*
 * Swap migration: from the two nodesets of a call to the way of each page.
 */
#include "swapmig.h"

/**
 * swapmig_nodemap_init - work out which nodes are left, and for where
 * @map: the node map to fill in
 * @from: source nodes as the caller named them
 * @to: target nodes as the caller named them
 *
 * Sources are the nodes of @from that are not in @to: memory that is already
 * on a node it may be on stays, as the swap migration interface has it.  Each
 * source is sent where node_remap() sends it, so that nodes keep their
 * relative places: the n-th node of @from goes to the n-th of @to, and @to is
 * used over again when it is the smaller set.
 *
 * An empty @to leaves no sources, as there is nowhere to send pages to.
 *
 * Context: any.
 */
void swapmig_nodemap_init(struct swapmig_nodemap *map, const nodemask_t *from,
			  const nodemask_t *to)
{
	int nid;

	nodes_clear(map->sources);
	if (!nodes_empty(*to))
		nodes_andnot(map->sources, *from, *to);

	for_each_node_mask(nid, map->sources)
		map->target[nid] = node_remap(nid, *from, *to);
}
