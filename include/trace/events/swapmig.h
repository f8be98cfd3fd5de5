/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM swapmig

#if !defined(_TRACE_SWAPMIG_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_SWAPMIG_H

#include <linux/mm_types.h>
#include <linux/nodemask.h>
#include <linux/tracepoint.h>

TRACE_EVENT(swapmig_begin,

	TP_PROTO(struct mm_struct *mm, pid_t pid, const nodemask_t *from,
		 const nodemask_t *to, const char *path),

	TP_ARGS(mm, pid, from, to, path),

	TP_STRUCT__entry(
		__field(void *, mm)
		__field(pid_t, pid)
		__bitmask(from, nr_node_ids)
		__bitmask(to, nr_node_ids)
		__string(path, path)
	),

	TP_fast_assign(
		__entry->mm = mm;
		__entry->pid = pid;
		__assign_bitmask(from, nodes_addr(*from), nr_node_ids);
		__assign_bitmask(to, nodes_addr(*to), nr_node_ids);
		__assign_str(path, path);
	),

	TP_printk("mm=%p pid=%d from=%s to=%s path=%s", __entry->mm,
		  __entry->pid, __get_bitmask(from), __get_bitmask(to),
		  __get_str(path))
);

/* The sampling window of a call on the path "auto" begins. */
TRACE_EVENT(swapmig_sample,

	TP_PROTO(struct mm_struct *mm, unsigned long accessed, unsigned int window_ms),

	TP_ARGS(mm, accessed, window_ms),

	TP_STRUCT__entry(
		__field(void *, mm)
		__field(unsigned long, accessed)
		__field(unsigned int, window_ms)
	),

	TP_fast_assign(
		__entry->mm = mm;
		__entry->accessed = accessed;
		__entry->window_ms = window_ms;
	),

	TP_printk("mm=%p accessed=%lu window_ms=%u", __entry->mm,
		  __entry->accessed, __entry->window_ms)
);

/* The totals of the call so far, after each chunk. */
TRACE_EVENT(swapmig_progress,

	TP_PROTO(struct mm_struct *mm, unsigned long evicted,
		 unsigned long moved, unsigned long failed),

	TP_ARGS(mm, evicted, moved, failed),

	TP_STRUCT__entry(
		__field(void *, mm)
		__field(unsigned long, evicted)
		__field(unsigned long, moved)
		__field(unsigned long, failed)
	),

	TP_fast_assign(
		__entry->mm = mm;
		__entry->evicted = evicted;
		__entry->moved = moved;
		__entry->failed = failed;
	),

	TP_printk("mm=%p evicted=%lu moved=%lu failed=%lu", __entry->mm,
		  __entry->evicted, __entry->moved, __entry->failed)
);

/* @left: how many pages are left behind, by enum swapmig_reason. */
TRACE_EVENT(swapmig_end,

	TP_PROTO(struct mm_struct *mm, unsigned long evicted, unsigned long moved,
		 unsigned long failed, const unsigned long *left),

	TP_ARGS(mm, evicted, moved, failed, left),

	TP_STRUCT__entry(
		__field(void *, mm)
		__field(unsigned long, evicted)
		__field(unsigned long, moved)
		__field(unsigned long, failed)
		__array(unsigned long, left, NR_SWAPMIG_REASONS)
	),

	TP_fast_assign(
		__entry->mm = mm;
		__entry->evicted = evicted;
		__entry->moved = moved;
		__entry->failed = failed;
		memcpy(__entry->left, left, sizeof(__entry->left));
	),

	TP_printk("mm=%p evicted=%lu moved=%lu failed=%lu pinned=%lu no_room=%lu no_swap=%lu not_permitted=%lu busy=%lu",
		  __entry->mm, __entry->evicted, __entry->moved, __entry->failed,
		  __entry->left[SWAPMIG_PINNED], __entry->left[SWAPMIG_NO_ROOM],
		  __entry->left[SWAPMIG_NO_SWAP], __entry->left[SWAPMIG_NOT_PERMITTED],
		  __entry->left[SWAPMIG_BUSY])
);

TRACE_EVENT(swapmig_chunk,

	TP_PROTO(struct mm_struct *mm, unsigned long next,
		 unsigned int nr_pages, unsigned int scanned),

	TP_ARGS(mm, next, nr_pages, scanned),

	TP_STRUCT__entry(
		__field(void *, mm)
		__field(unsigned long, next)
		__field(unsigned int, nr_pages)
		__field(unsigned int, scanned)
	),

	TP_fast_assign(
		__entry->mm = mm;
		__entry->next = next;
		__entry->nr_pages = nr_pages;
		__entry->scanned = scanned;
	),

	TP_printk("mm=%p next=0x%lx nr_pages=%u scanned=%u", __entry->mm,
		  __entry->next, __entry->nr_pages, __entry->scanned)
);

TRACE_EVENT(swapmig_refault,

	TP_PROTO(unsigned long slot, int refault_nid, int nid),

	TP_ARGS(slot, refault_nid, nid),

	TP_STRUCT__entry(
		__field(unsigned long, slot)
		__field(int, refault_nid)
		__field(int, nid)
	),

	TP_fast_assign(
		__entry->slot = slot;
		__entry->refault_nid = refault_nid;
		__entry->nid = nid;
	),

	TP_printk("slot=0x%lx refault_nid=%d nid=%d", __entry->slot,
		  __entry->refault_nid, __entry->nid)
);

#endif /* _TRACE_SWAPMIG_H */

/* This part must be outside protection */
#include <trace/define_trace.h>
