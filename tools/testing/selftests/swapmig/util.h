/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of swap migration share. The rooms of the library, each of which
 * calls only rooms to its left:
 *
 *	files, traces, numa, pages, processes, settings, swap, cgroups, leaks, machine
 *
 * Functions return -1 with errno set when they fail, unless said otherwise. Those
 * called sm_lacks_*() return NULL, or a text that says what the machine lacks.
 */
#ifndef SWAPMIG_UTIL_H
#define SWAPMIG_UTIL_H

#include "lib/files.h"
#include "lib/traces.h"
#include "lib/numa.h"
#include "lib/pages.h"
#include "lib/processes.h"
#include "lib/settings.h"
#include "lib/swap.h"
#include "lib/cgroups.h"
#include "lib/leaks.h"
#include "lib/machine.h"

/*
 * Seconds after which a test is ended. Migration over a slow disk in an emulated
 * machine is slow, and SWAPMIG_SLOW times slower on a kernel that checks all it
 * does.
 */
#define SM_TIMEOUT		120

#define SM_TEST_F(fixture, name)					\
	static struct __test_metadata _##fixture##_##name##_object;	\
	static void __attribute__((constructor))			\
	_##fixture##_##name##_slow(void)				\
	{								\
		_##fixture##_##name##_object.timeout *= sm_slow();	\
	}								\
	TEST_F_TIMEOUT(fixture, name, SM_TIMEOUT)

/*
 * Give up a test for the reason @why, unless that is NULL. A plain return
 * from FIXTURE_SETUP() would still run the test.
 */
#define SM_NEED(why) do {						\
	const char *__lack = (why);					\
	if (__lack)							\
		SKIP(longjmp(_metadata->env, 1), "%s", __lack);		\
} while (0)

/* The parameters of a function that makes assertions for a test. */
#define SM_ARGS(fixture)						\
	struct __test_metadata *_metadata, struct _test_data_##fixture *self

/* How the set-up of tests that count pages begins; they need @nr nodes. */
#define SM_BEGIN(nr) do {						\
	sm_cleanup();							\
	SM_NEED(sm_lacks_basics(nr));					\
	ASSERT_EQ(0, sm_keep_still());					\
} while (0)

/* Swap on a device that the test needs. */
#define SM_SWAP_ON(dev, bytes) do {					\
	enum sm_dev __dev = (dev);					\
									\
	SM_NEED(sm_lacks_swap(__dev));					\
	ASSERT_EQ(0, sm_swap_on(__dev, bytes));				\
} while (0)

#endif /* SWAPMIG_UTIL_H */
