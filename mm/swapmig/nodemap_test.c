// SPDX-License-Identifier: GPL-2.0
/*
 * Swap migration: tests of the node map.
 */
#include <kunit/test.h>

#include "swapmig.h"

struct nodemap_case {
	const char *name;
	enum swapmig_path path;
	unsigned long from, to;
	unsigned long leave;
	short target[8];
};

#define SWAP	SWAPMIG_SWAP
#define DIRECT	SWAPMIG_DIRECT
#define AUTO	SWAPMIG_AUTO

static const struct nodemap_case nodemap_cases[] = {
	{ "swap: one to one", SWAP, 0x1, 0x2, 0x1, { 1 } },
	{ "swap: onto itself", SWAP, 0x1, 0x1, 0x0, {} },
	{ "swap: no source", SWAP, 0x0, 0x2, 0x0, {} },
	{ "swap: no target", SWAP, 0x3, 0x0, 0x0, {} },
	{ "swap: relative places", SWAP, 0x03, 0x0c, 0x03, { 2, 3 } },
	{ "swap: gaps", SWAP, 0x05, 0x0a, 0x05, { 1, 0, 3 } },
	{ "swap: overlap", SWAP, 0x3, 0x6, 0x1, { 1 } },
	{ "swap: rotation", SWAP, 0x7, 0xe, 0x1, { 1 } },
	{ "swap: the same set", SWAP, 0x3, 0x3, 0x0, {} },
	{ "swap: four onto one", SWAP, 0x0f, 0x10, 0x0f, { 4, 4, 4, 4 } },
	{ "swap: three onto two", SWAP, 0x07, 0x18, 0x07, { 3, 4, 3 } },
	{ "swap: one onto three", SWAP, 0x08, 0x07, 0x08, { 0, 0, 0, 0 } },
	{ "direct: one to one", DIRECT, 0x1, 0x2, 0x1, { 1 } },
	{ "direct: no target", DIRECT, 0x3, 0x0, 0x0, {} },
	{ "direct: overlap", DIRECT, 0x3, 0x6, 0x3, { 1, 2 } },
	{ "direct: rotation", DIRECT, 0x7, 0xe, 0x7, { 1, 2, 3 } },
	{ "direct: rotation down", DIRECT, 0xe, 0x7, 0xe, { 0, 0, 1, 2 } },
	{ "direct: part of it fixed", DIRECT, 0x5, 0x6, 0x1, { 1 } },
	{ "direct: the same set", DIRECT, 0x3, 0x3, 0x0, {} },
	{ "direct: sizes differ", DIRECT, 0x7, 0x6, 0x1, { 1 } },
	{ "direct: four onto two", DIRECT, 0x0f, 0x30, 0x0f, { 4, 5, 4, 5 } },
	{ "auto: overlap", AUTO, 0x3, 0x6, 0x3, { 1, 2 } },
	{ "auto: sizes differ", AUTO, 0x7, 0x6, 0x1, { 1 } },
};

static void nodemap_mask(nodemask_t *mask, unsigned long bits)
{
	int nid;

	nodes_clear(*mask);
	for_each_set_bit(nid, &bits, BITS_PER_LONG)
		node_set(nid, *mask);
}

static void nodemap_test(struct kunit *test)
{
	const struct nodemap_case *c = test->param_value;
	nodemask_t from, to, leave;
	struct swapmig_nodemap *map;
	int nid;

	if (MAX_NUMNODES < 8)
		kunit_skip(test, "fewer than eight possible nodes");

	map = kunit_kzalloc(test, sizeof(*map), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, map);

	nodemap_mask(&from, c->from);
	nodemap_mask(&to, c->to);
	nodemap_mask(&leave, c->leave);

	swapmig_nodemap_init(map, &from, &to, c->path);
	KUNIT_EXPECT_TRUE(test, nodes_equal(map->all, leave));
	for_each_node_mask(nid, leave)
		KUNIT_EXPECT_EQ(test, map->target[nid], c->target[nid]);
}

/*
 * Whatever the sets: each node is left in exactly one stage, its pages go to a
 * node of the target set, and no page that has arrived has to leave again.
 */
static void nodemap_stages_test(struct kunit *test)
{
	struct swapmig_nodemap *map;
	nodemask_t from, to, left;
	unsigned long sets;
	int nid;

	if (MAX_NUMNODES < 5)
		kunit_skip(test, "fewer than five possible nodes");

	map = kunit_kzalloc(test, sizeof(*map), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, map);

	for (sets = 0; sets < NR_SWAPMIG_PATHS << 10; sets++) {
		nodemap_mask(&from, sets & 31);
		nodemap_mask(&to, (sets >> 5) & 31);
		swapmig_nodemap_init(map, &from, &to, sets >> 10);
		nodes_clear(left);

		while (swapmig_nodemap_next(map)) {
			KUNIT_ASSERT_FALSE(test, nodes_intersects(map->sources, left));
			nodes_or(left, left, map->sources);
			for_each_node_mask(nid, map->sources) {
				int target = map->target[nid];

				KUNIT_ASSERT_TRUE(test, node_isset(nid, from));
				KUNIT_ASSERT_TRUE(test, node_isset(target, to));
				KUNIT_ASSERT_FALSE(test, node_isset(target, map->sources));
				KUNIT_ASSERT_FALSE(test, node_isset(target, map->pending));
			}
		}
		KUNIT_ASSERT_TRUE(test, nodes_equal(left, map->all));
	}
}

static void nodemap_refault_test(struct kunit *test)
{
	struct swapmig_nodemap *map;
	nodemask_t from, to;

	if (MAX_NUMNODES < 8)
		kunit_skip(test, "fewer than eight possible nodes");

	map = kunit_kzalloc(test, sizeof(*map), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, map);

	nodemap_mask(&from, 0x03);
	nodemap_mask(&to, 0x0c);
	swapmig_nodemap_init(map, &from, &to, SWAPMIG_SWAP);
	KUNIT_ASSERT_TRUE(test, swapmig_nodemap_next(map));

	/* Pages of a node that is left go along, those of others stay. */
	KUNIT_EXPECT_EQ(test, swapmig_nodemap_refault(map, 0), 2);
	KUNIT_EXPECT_EQ(test, swapmig_nodemap_refault(map, 1), 3);
	KUNIT_EXPECT_EQ(test, swapmig_nodemap_refault(map, 2), NUMA_NO_NODE);
	KUNIT_EXPECT_EQ(test, swapmig_nodemap_refault(map, 4), NUMA_NO_NODE);

	/* Pages of no known node stay, too. */
	KUNIT_EXPECT_EQ(test, swapmig_nodemap_refault(map, NUMA_NO_NODE),
			NUMA_NO_NODE);
}

static void nodemap_case_name(const struct nodemap_case *c, char *name)
{
	strscpy(name, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(nodemap, nodemap_cases, nodemap_case_name);

static struct kunit_case nodemap_test_cases[] = {
	KUNIT_CASE_PARAM(nodemap_test, nodemap_gen_params),
	KUNIT_CASE(nodemap_stages_test),
	KUNIT_CASE(nodemap_refault_test),
	{}
};

static struct kunit_suite nodemap_test_suite = {
	.name = "swapmig_nodemap",
	.test_cases = nodemap_test_cases,
};

kunit_test_suite(nodemap_test_suite);
