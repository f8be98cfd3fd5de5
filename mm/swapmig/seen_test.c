// SPDX-License-Identifier: GPL-2.0
/*
 * Swap migration: tests of the parts of files that have been looked at.
 */
#include <kunit/test.h>
#include <linux/fs.h>
#include <linux/random.h>
#include <linux/rbtree.h>

#include "swapmig.h"

#define PAGES	64

struct swapmig_seen_test {
	struct rb_root seen;
	struct inode inode[2];
	struct address_space mapping[2];
};

static int swapmig_seen_test_init(struct kunit *test)
{
	struct swapmig_seen_test *t;
	int i;

	t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	if (!t)
		return -ENOMEM;
	t->seen = RB_ROOT;
	for (i = 0; i < ARRAY_SIZE(t->mapping); i++)
		t->mapping[i].host = &t->inode[i];
	test->priv = t;
	return 0;
}

static void swapmig_seen_test_exit(struct kunit *test)
{
	struct swapmig_seen_test *t = test->priv;

	swapmig_seen_clear(&t->seen);
}

static void swapmig_seen_test_expect(struct kunit *test, int file, pgoff_t from,
				     pgoff_t to, pgoff_t first, pgoff_t last)
{
	struct swapmig_seen_test *t = test->priv;

	KUNIT_ASSERT_TRUE(test, swapmig_seen_next(&t->seen, &t->mapping[file],
						  &from, &to));
	KUNIT_EXPECT_EQ(test, from, first);
	KUNIT_EXPECT_EQ(test, to, last);
}

static void swapmig_seen_test_gaps(struct kunit *test)
{
	struct swapmig_seen_test *t = test->priv;
	pgoff_t first = 10, last = 39;

	swapmig_seen_test_expect(test, 0, 0, 99, 0, 99);
	KUNIT_ASSERT_EQ(test, swapmig_seen_add(&t->seen, &t->mapping[0], 10, 19), 0);
	KUNIT_ASSERT_EQ(test, swapmig_seen_add(&t->seen, &t->mapping[0], 30, 39), 0);
	swapmig_seen_test_expect(test, 0, 0, 99, 0, 9);
	swapmig_seen_test_expect(test, 0, 10, 99, 20, 29);
	swapmig_seen_test_expect(test, 0, 15, 25, 20, 25);
	swapmig_seen_test_expect(test, 0, 35, 99, 40, 99);
	/* Another file has pages of the same numbers. */
	swapmig_seen_test_expect(test, 1, 10, 39, 10, 39);

	KUNIT_ASSERT_EQ(test, swapmig_seen_add(&t->seen, &t->mapping[0], 20, 29), 0);
	KUNIT_EXPECT_FALSE(test, swapmig_seen_next(&t->seen, &t->mapping[0],
						   &first, &last));
	KUNIT_EXPECT_PTR_EQ(test, rb_first(&t->seen), rb_last(&t->seen));
}

/* The file has gone, and another is at its address. */
static void swapmig_seen_test_other_inode(struct kunit *test)
{
	struct swapmig_seen_test *t = test->priv;

	KUNIT_ASSERT_EQ(test, swapmig_seen_add(&t->seen, &t->mapping[0], 0, 9), 0);
	t->inode[0].i_generation++;
	swapmig_seen_test_expect(test, 0, 0, 9, 0, 9);
	t->inode[0].i_generation--;
	t->inode[0].i_ino++;
	swapmig_seen_test_expect(test, 0, 0, 9, 0, 9);
}

/* Whatever parts are of interest, each page is found once. */
static void swapmig_seen_test_random(struct kunit *test)
{
	struct swapmig_seen_test *t = test->priv;
	unsigned int count[2][PAGES] = { };
	bool wanted[2][PAGES] = { };
	int i, file;
	pgoff_t p;

	for (i = 0; i < 200; i++) {
		pgoff_t from = prandom_u32_max(PAGES), first = from;
		pgoff_t to = from + prandom_u32_max(PAGES - from), last = to;

		file = prandom_u32_max(2);
		for (p = from; p <= to; p++)
			wanted[file][p] = true;
		while (swapmig_seen_next(&t->seen, &t->mapping[file], &first, &last)) {
			/* Sometimes only a part of it is looked at. */
			last = first + prandom_u32_max(last - first + 1);
			for (p = first; p <= last; p++)
				count[file][p]++;
			KUNIT_ASSERT_EQ(test, swapmig_seen_add(&t->seen,
							       &t->mapping[file],
							       first, last), 0);
			first = from;
			last = to;
		}
	}
	for (file = 0; file < 2; file++)
		for (p = 0; p < PAGES; p++)
			KUNIT_EXPECT_EQ(test, count[file][p], wanted[file][p]);
}

static struct kunit_case swapmig_seen_test_cases[] = {
	KUNIT_CASE(swapmig_seen_test_gaps),
	KUNIT_CASE(swapmig_seen_test_other_inode),
	KUNIT_CASE(swapmig_seen_test_random),
	{}
};

static struct kunit_suite swapmig_seen_test_suite = {
	.name = "swapmig_seen",
	.init = swapmig_seen_test_init,
	.exit = swapmig_seen_test_exit,
	.test_cases = swapmig_seen_test_cases,
};

kunit_test_suite(swapmig_seen_test_suite);
