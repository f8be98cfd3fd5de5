/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Swap devices of a test, and memory that goes there.
 */
#ifndef SWAPMIG_SWAP_H
#define SWAPMIG_SWAP_H

#include <stddef.h>

enum sm_dev { SM_ZRAM, SM_DISK };

const char *sm_lacks_swap(enum sm_dev dev);
const char *sm_lacks_no_swap(void);	/* swap of the machine is on */
int sm_swap_on(enum sm_dev dev, size_t bytes);
int sm_swap_off(void);
int sm_swap_off_and_on(void);

/* As sm_page_out(), for private memory; leaves no frame of it. */
int sm_swap_out(void *addr, size_t len);

#endif /* SWAPMIG_SWAP_H */
