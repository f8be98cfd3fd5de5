// SPDX-License-Identifier: GPL-2.0
/*
 * Swap migration: from the two nodesets of a call to the target of each node.
 */
#include "swapmig.h"

/**
 * swapmig_nodemap_init - find the source nodes and the target of each
 * @map: the node map to fill in
 * @from: source nodes as the caller named them
 * @to: target nodes as the caller named them
 * @path: the preferred path
 *
 * node_remap() maps the n-th node of @from to the n-th of @to, so nodes keep their
 * relative places.  If @to is smaller, its nodes are used again.
 *
 * On the swap path, memory that is on a node of @to already stays: the swap migration
 * interface defines that.  The other paths are isomorphic: only a node that is mapped
 * to itself stays.  If the sets differ in size, so do the nodes in both sets, as
 * migrate_pages(2) always did.
 *
 * If @to is empty, there are no sources.
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

	if (path != SWAPMIG_SWAP && nodes_weight(*from) == nodes_weight(*to))
		map->all = *from;
	else
		nodes_andnot(map->all, *from, *to);

	for_each_node_mask(nid, map->all) {
		map->target[nid] = node_remap(nid, *from, *to);
		if (map->target[nid] == nid)
			node_clear(nid, map->all);
	}
	map->pending = map->all;
}

/**
 * swapmig_nodemap_next - start the next stage
 * @map: the node map
 *
 * A page that arrives on a node which is still a source would be migrated again.  So
 * nodes are migrated in stages: first those whose target is not, or no longer, a source.
 * There always are such nodes: node_remap() keeps the order of nodes, so targets do
 * not form a circle.
 *
 * Context: any.
 * Return: whether there is another stage; its nodes are in @map->sources.
 */
bool swapmig_nodemap_next(struct swapmig_nodemap *map)
{
	int nid;

	nodes_clear(map->sources);
	for_each_node_mask(nid, map->pending)
		if (!node_isset(map->target[nid], map->pending))
			node_set(nid, map->sources);
	nodes_andnot(map->pending, map->pending, map->sources);

	return !nodes_empty(map->sources);
}

/**
 * swapmig_nodemap_refault - the new refault node of a page in swap
 * @map: the node map
 * @nid: its refault node, else the node it was evicted from, else NUMA_NO_NODE
 *
 * The page goes with the other pages of that node.  If the node is not known, the
 * page is left alone.
 *
 * Context: any.
 * Return: its new refault node, or NUMA_NO_NODE if this stage changes nothing.
 */
int swapmig_nodemap_refault(const struct swapmig_nodemap *map, int nid)
{
	if (nid == NUMA_NO_NODE || !node_isset(nid, map->sources))
		return NUMA_NO_NODE;
	return map->target[nid];
}
