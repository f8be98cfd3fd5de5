/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What tests must not leave more of than they found on the machine.
 */
#ifndef SWAPMIG_LEAKS_H
#define SWAPMIG_LEAKS_H

#include <stdbool.h>

#define SM_MAX_NODES	64

struct sm_held {
	long unknown[SM_MAX_NODES];	/* pages without a known use, by node */
	long all;			/* of them */
	long isolated;			/* pages */
	long groups;			/* dying ones, too */
	long tree;			/* nodes of radix trees */
};

void sm_take_stock(struct sm_held *held);
/* Says on stderr what there is more of than in @held, and updates @held. */
bool sm_leaked(struct sm_held *held);

#endif /* SWAPMIG_LEAKS_H */
