// SPDX-License-Identifier: GPL-2.0
/*
 * Swap migration: what /proc/vmstat shows of it.
 */
#include <linux/mm.h>
#include <linux/vmstat.h>

#include "swapmig.h"

/**
 * swapmig_count_evicted - account pages whose frames eviction has freed
 * @nr_pages: base pages
 *
 * Context: any.
 */
void swapmig_count_evicted(unsigned long nr_pages)
{
	count_vm_events(SWAPMIG_EVICTED, nr_pages);
}

/**
 * swapmig_count_failed - account pages that a call left on source nodes
 * @nr_pages: base pages
 *
 * Context: any.
 */
void swapmig_count_failed(unsigned long nr_pages)
{
	count_vm_events(SWAPMIG_FAILED, nr_pages);
}
