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
 * @path: the preferred path
 *
 * The n-th node of @from goes to the n-th of @to, as node_remap() has it, so that
 * nodes keep their relative places; @to is used over again when it is smaller.
 *
 * On the swap path, memory that is on a node of @to already stays, as the swap
 * migration interface defines it.  The direct path is isomorphic, so there only a
 * node that goes to itself stays, and, if the sets differ in size and thus cannot
 * be mapped one to one, those in both sets, as migrate_pages(2) always did.
 *
 * An empty @to leaves no sources, as there is nowhere to send pages to.
 *
 * Context: any.
 */
void swapmig_nodemap_init(struct swapmig_nodemap *map, const nodemask_t *from,
			  const nodemask_t *to, enum swapmig_path path)
{
	int nid;

	nodes_clear(map->all);
	nodes_clear(map->sources);
	if (nodes_empty(*to))
		return;

	if (path == SWAPMIG_DIRECT && nodes_weight(*from) == nodes_weight(*to))
		map->all = *from;
	else
		nodes_andnot(map->all, *from, *to);

	for_each_node_mask(nid, map->all) {
		map->target[nid] = node_remap(nid, *from, *to);
		if (map->target[nid] == nid)
			node_clear(nid, map->all);
	}
	map->ahead = map->all;
}

/**
 * swapmig_nodemap_next - go on to the next stage
 * @map: the node map
 *
 * A page that arrives on a node before that node has been left would be taken for
 * one that has to leave it.  So nodes are left in stages: first those whose pages
 * go where nothing has to leave any more.  There always are such nodes, as
 * node_remap() keeps the order of nodes and so cannot send them round in a circle.
 *
 * Context: any.
 * Return: whether there is a stage left; its nodes are @map->sources then.
 */
bool swapmig_nodemap_next(struct swapmig_nodemap *map)
{
	int nid;

	nodes_clear(map->sources);
	for_each_node_mask(nid, map->ahead)
		if (!node_isset(map->target[nid], map->ahead))
			node_set(nid, map->sources);
	nodes_andnot(map->ahead, map->ahead, map->sources);

	return !nodes_empty(map->sources);
}

/**
 * swapmig_nodemap_refault - where a page goes that is in swap already
 * @map: the node map
 * @nid: its refault node so far, or NUMA_NO_NODE
 * @salt: any number that differs from page to page
 *
 * A page whose refault node is left goes with the others of that node.  Where a
 * page without one came from is not known any more: such pages are shared out
 * among the nodes that are left, by @salt.
 *
 * Context: any.
 * Return: its new refault node, or NUMA_NO_NODE if this stage changes nothing.
 */
int swapmig_nodemap_refault(const struct swapmig_nodemap *map, int nid,
			    unsigned long salt)
{
	unsigned long n;

	if (nid == NUMA_NO_NODE) {
		n = salt % nodes_weight(map->all);
		for_each_node_mask(nid, map->all)
			if (!n--)
				break;
	}
	return node_isset(nid, map->sources) ? map->target[nid] : NUMA_NO_NODE;
}
