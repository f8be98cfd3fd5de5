// SPDX-License-Identifier: GPL-2.0
/*
 * Swap migration: tests of the node map.
 */
#include <kunit/test.h>

#include "swapmig.h"

struct nodemap_case {
	const char *name;
	unsigned long from, to;
	unsigned long sources;
	short target[8];
};

static const struct nodemap_case nodemap_cases[] = {
	{ "one to one", 0x1, 0x2, 0x1, { 1 } },
	{ "onto itself", 0x1, 0x1, 0x0, {} },
	{ "no source", 0x0, 0x2, 0x0, {} },
	{ "no target", 0x3, 0x0, 0x0, {} },
	{ "relative places are kept", 0x03, 0x0c, 0x03, { 2, 3 } },
	{ "gaps do not matter", 0x05, 0x0a, 0x05, { 1, 0, 3 } },
	{ "overlap: the shared node stays", 0x3, 0x6, 0x1, { 1 } },
	{ "rotation: only the first node leaves", 0x7, 0xe, 0x1, { 1 } },
	{ "exchange: nothing leaves", 0x3, 0x3, 0x0, {} },
	{ "four onto one", 0x0f, 0x10, 0x0f, { 4, 4, 4, 4 } },
	{ "three onto two, used over again", 0x07, 0x18, 0x07, { 3, 4, 3 } },
	{ "one onto three: the first", 0x08, 0x07, 0x08, { 0, 0, 0, 0 } },
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
	nodemask_t from, to, sources;
	struct swapmig_nodemap *map;
	int nid;

	if (MAX_NUMNODES < 8)
		kunit_skip(test, "fewer than eight possible nodes");

	map = kunit_kzalloc(test, sizeof(*map), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, map);

	nodemap_mask(&from, c->from);
	nodemap_mask(&to, c->to);
	nodemap_mask(&sources, c->sources);

	swapmig_nodemap_init(map, &from, &to);
	KUNIT_EXPECT_TRUE(test, nodes_equal(map->sources, sources));
	for_each_node_mask(nid, sources)
		KUNIT_EXPECT_EQ(test, map->target[nid], c->target[nid]);
}

/* Every source goes to a target, and no node is both, whatever the sets. */
static void nodemap_all_test(struct kunit *test)
{
	struct swapmig_nodemap *map;
	unsigned long f, t;
	nodemask_t from, to;
	int nid;

	if (MAX_NUMNODES < 5)
		kunit_skip(test, "fewer than five possible nodes");

	map = kunit_kzalloc(test, sizeof(*map), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, map);

	for (f = 0; f < 32; f++) {
		for (t = 0; t < 32; t++) {
			nodemap_mask(&from, f);
			nodemap_mask(&to, t);
			swapmig_nodemap_init(map, &from, &to);
			KUNIT_ASSERT_FALSE(test,
					   nodes_intersects(map->sources, to));
			for_each_node_mask(nid, map->sources) {
				KUNIT_ASSERT_TRUE(test, node_isset(nid, from));
				KUNIT_ASSERT_TRUE(test,
						  node_isset(map->target[nid], to));
			}
		}
	}
}

static void nodemap_case_name(const struct nodemap_case *c, char *name)
{
	strscpy(name, c->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(nodemap, nodemap_cases, nodemap_case_name);

static struct kunit_case nodemap_test_cases[] = {
	KUNIT_CASE_PARAM(nodemap_test, nodemap_gen_params),
	KUNIT_CASE(nodemap_all_test),
	{}
};

static struct kunit_suite nodemap_test_suite = {
	.name = "swapmig_nodemap",
	.test_cases = nodemap_test_cases,
};
kunit_test_suite(nodemap_test_suite);
