// SPDX-License-Identifier: GPL-2.0
/*
 * Swap migration: the life of one call of do_migrate_pages().
 */
#include <linux/cpuset.h>
#include <linux/hugetlb.h>
#include <linux/mempolicy.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <trace/events/swapmig.h>

#include "../internal.h"
#include "swapmig.h"

/* Passes over the address space for pages that were busy. */
#define SWAPMIG_MAX_PASSES	3

/* How long a call waits for the batches of other CPUs, in jiffies. */
#define SWAPMIG_DRAIN_TIMEOUT	(HZ / 10)

/* The number of the last drain of all CPUs that has begun or ended. */
static unsigned long swapmig_drain_begun, swapmig_drain_ended;
static DECLARE_WAIT_QUEUE_HEAD(swapmig_drain_wait);

static void swapmig_drain_work(struct work_struct *work)
{
	unsigned long nr = swapmig_drain_begun + 1;

	WRITE_ONCE(swapmig_drain_begun, nr);
	lru_add_drain_all();
	WRITE_ONCE(swapmig_drain_ended, nr);
	wake_up_all(&swapmig_drain_wait);
}

static DECLARE_WORK(swapmig_drain, swapmig_drain_work);

/*
 * Flush the LRU batches of all CPUs.  lru_add_drain_all() waits for each CPU to run a
 * worker, which a real-time task may prevent for ever.  So a worker calls it, and the
 * call soon stops waiting for that worker.  All calls share it, so only one gets stuck.
 */
static void swapmig_drain_all(void)
{
	unsigned long nr = READ_ONCE(swapmig_drain_begun) + 1;

	queue_work(system_unbound_wq, &swapmig_drain);
	wait_event_killable_timeout(swapmig_drain_wait,
				    (long)(READ_ONCE(swapmig_drain_ended) - nr) >= 0,
				    SWAPMIG_DRAIN_TIMEOUT);
}

/* Why is an isolated folio still on its source node? */
static enum swapmig_reason swapmig_reason(struct swapmig_call *call, struct folio *folio,
					  bool evictable)
{
	if (swapmig_folio_pinned(folio))
		return SWAPMIG_PINNED;
	if (!node_isset(folio_nid(folio), call->full))
		return SWAPMIG_BUSY;
	if (folio_test_hugetlb(folio) || folio_test_mlocked(folio) ||
	    folio_test_unevictable(folio))
		return SWAPMIG_NO_ROOM;
	if (!evictable)
		return SWAPMIG_NOT_PERMITTED;
	return swapmig_may_swap(folio) ? SWAPMIG_NO_ROOM : SWAPMIG_NO_SWAP;
}

static unsigned long swapmig_sum(const unsigned long *nr_left)
{
	unsigned long sum = 0;
	int i;

	for (i = 0; i < NR_SWAPMIG_REASONS; i++)
		sum += nr_left[i];
	return sum;
}

/* Put isolated folios back on the LRU.  They stay on their source node. */
static void swapmig_putback(struct swapmig_call *call, struct list_head *folios,
			    bool evictable)
{
	struct folio *folio, *next;
	enum swapmig_reason reason;

	list_for_each_entry_safe(folio, next, folios, lru) {
		/* If the only reference is ours, the process has freed it. */
		if (folio_ref_count(folio) > 1) {
			reason = swapmig_reason(call, folio, evictable);
			call->nr_left[reason] += folio_nr_pages(folio);
		}
		if (folio_test_hugetlb(folio)) {
			folio_putback_hugetlb(&folio->page);
		} else {
			list_del(&folio->lru);
			swapmig_account_isolated(folio, -1);
			folio_putback_lru(folio);
		}
	}
}

/* Migrate each folio of a chunk on the preferred path, or else on the other. */
static void swapmig_migrate_chunk(struct swapmig_call *call,
				  struct swapmig_chunk *chunk)
{
	/* First, as somebody may wait for these. */
	swapmig_batch_migrate(call, chunk);
	swapmig_evict(call, &chunk->swap, &chunk->unmapped);
	/*
	 * Only what has no room is evicted.  A page that is too busy to be moved is in use:
	 * the process would have to read it back at once.
	 */
	if (swapmig_move(call, &chunk->direct) == -ENOMEM)
		swapmig_evict(call, &chunk->direct, &chunk->unmapped);
	list_splice_init(&chunk->direct, &call->leftover);
	/*
	 * A file page has no refault node: if it were dropped, it would come back
	 * wherever it is read, and other users would have to read it, too.
	 */
	if (swapmig_move(call, &chunk->files) == -ENOMEM)
		swapmig_evict(call, &chunk->files, &chunk->unmapped);
	swapmig_putback(call, &chunk->files, true);
	swapmig_move(call, &chunk->unevictable);
	swapmig_putback(call, &chunk->unevictable, false);
}

/* Move or put back what could not be evicted. */
static void swapmig_migrate_leftover(struct swapmig_call *call)
{
	if (call->path != SWAPMIG_DIRECT)
		swapmig_move(call, &call->leftover);
	swapmig_putback(call, &call->leftover, true);
	if (trace_swapmig_progress_enabled())
		trace_swapmig_progress(call->mm, call->nr_evicted, call->nr_moved,
				       swapmig_sum(call->nr_left));
}

/* Returns whether the pass has evicted or moved anything. */
static bool swapmig_migrate_pass(struct swapmig_call *call)
{
	unsigned long nr_done = call->nr_evicted + call->nr_moved;
	int more;

	call->next = 0;
	call->nr_busy = 0;
	memset(call->nr_left, 0, sizeof(call->nr_left));
	nodes_clear(call->full);

	/*
	 * Pages in per-CPU batches cannot be isolated, or have a reference too many.  Those
	 * that the previous pass has put back are in the batch of this CPU.
	 */
	lru_add_drain();

	do {
		struct swapmig_chunk chunk = {
			.swap = LIST_HEAD_INIT(chunk.swap),
			.unmapped = LIST_HEAD_INIT(chunk.unmapped),
			.direct = LIST_HEAD_INIT(chunk.direct),
			.files = LIST_HEAD_INIT(chunk.files),
			.unevictable = LIST_HEAD_INIT(chunk.unevictable),
		};

		swapmig_evict_make_room(call);
		more = swapmig_walk(call, &chunk);
		swapmig_migrate_chunk(call, &chunk);
		swapmig_migrate_leftover(call);
		cond_resched();
	} while (more > 0 && !fatal_signal_pending(current));

	swapmig_seen_clear(&call->seen);
	swapmig_evict_finish(call);
	swapmig_migrate_leftover(call);

	call->ended = more;
	call->nr_left[SWAPMIG_BUSY] += call->nr_busy;
	return call->nr_evicted + call->nr_moved > nr_done;
}

/* Adds to @nr_left how many base pages are left behind, by reason. */
static void swapmig_migrate(struct swapmig_call *call, unsigned long *nr_left)
{
	bool drained = false, progress;
	int pass, i;

	while (!call->ended && swapmig_nodemap_next(&call->map)) {
		/* The process wants hot pages back soonest: they get the room first. */
		if (call->path == SWAPMIG_AUTO) {
			call->hot_only = true;
			swapmig_migrate_pass(call);
			call->hot_only = false;
		}
		for (pass = 0; pass < SWAPMIG_MAX_PASSES && !call->ended; pass++) {
			progress = swapmig_migrate_pass(call);
			if (!swapmig_sum(call->nr_left))
				break;
			/* This disturbs other CPUs: only if pages are left. */
			if (!drained) {
				swapmig_drain_all();
				drained = true;
			} else if (!progress && !call->nr_busy) {
				break;
			}
		}
		for (i = 0; i < NR_SWAPMIG_REASONS; i++)
			nr_left[i] += call->nr_left[i];
	}
}

/* What decides on which nodes the caller's own allocations are. */
struct swapmig_caller {
	struct mempolicy *policy;
	nodemask_t mems;
};

/*
 * An eviction allocates memory: zram, for example, needs some for each page.  It must not
 * come from the nodes that are being left, so the caller prefers other nodes for now.
 */
static void swapmig_prefer_others(struct swapmig_caller *caller,
				  const struct swapmig_nodemap *map)
{
	struct mempolicy others = {
		.mode = MPOL_PREFERRED_MANY,
		.home_node = NUMA_NO_NODE,
	}, *new;

	nodes_andnot(others.nodes, node_states[N_MEMORY], map->all);
	new = nodes_empty(others.nodes) ? NULL : mpol_dup(&others);
	if (IS_ERR(new))
		new = NULL;

	task_lock(current);
	caller->policy = current->mempolicy;
	caller->mems = cpuset_current_mems_allowed;
	current->mempolicy = new;
	task_unlock(current);
}

/* The saved policy has missed a change of the caller's cpuset: make up for that. */
static void swapmig_restore_policy(struct swapmig_caller *caller)
{
	struct mempolicy *others;

	task_lock(current);
	others = current->mempolicy;
	current->mempolicy = caller->policy;
	if (!nodes_equal(caller->mems, cpuset_current_mems_allowed))
		mpol_rebind_task(current, &cpuset_current_mems_allowed);
	task_unlock(current);
	mpol_put(others);
}

static pid_t swapmig_mm_pid(struct mm_struct *mm)
{
	pid_t pid = 0;

#ifdef CONFIG_MEMCG
	struct task_struct *owner;

	rcu_read_lock();
	owner = rcu_dereference(mm->owner);
	if (owner)
		pid = owner->tgid;
	rcu_read_unlock();
#endif
	return pid;
}

/**
 * do_migrate_pages - migrate a process's memory between two sets of nodes
 * @mm: the address space of the process; a reference by mmgrab() is enough
 * @from: source nodes
 * @to: target nodes
 * @flags: MPOL_MF_MOVE for pages that only this process has, MPOL_MF_MOVE_ALL for
 *	shared pages too; MPOL_MF_EVICT if pages that only this process has may be
 *	evicted.  A caller with CAP_SYS_NICE may evict any page.
 *
 * This is the engine of migrate_pages(2) and of cpuset memory migration.
 *
 * Each page on a source node, see swapmig_nodemap_init(), takes the preferred path, or
 * else the other one.  But no page is evicted because it is too busy to be moved.  On
 * the swap path a page is evicted: written to swap, and allocated on its refault node
 * when it is next touched.  Page cache of a file is moved on all paths.  It is dropped
 * only if its target node is full and swapmig_may_evict_file() allows that.  References
 * do not protect a page.  The call waits for write-back: when it returns, the frames of
 * evicted pages are free.  On the direct path a page is moved at once.  On the path
 * "auto" a page is moved if the process has accessed it during a sampling window, see
 * swapmig_hot_sample(), and evicted otherwise.  Pages that are in swap already get the
 * same refault nodes.  Policies are not modified.
 *
 * mmap_lock is held for reading, for one chunk at a time, and never across I/O, copying
 * or waiting.  The call ends early if the caller is killed or the process exits.
 *
 * Context: process context, sleeps; no locks held.
 * Return: the number of base pages that have neither been evicted nor moved, or
 * -ENOMEM.
 */
int do_migrate_pages(struct mm_struct *mm, const nodemask_t *from,
		     const nodemask_t *to, int flags)
{
	struct swapmig_caller caller;
	unsigned long nr_left[NR_SWAPMIG_REASONS] = {}, nr_failed;
	struct swapmig_call *call;
	int i;

	call = kzalloc(sizeof(*call), GFP_KERNEL);
	if (!call)
		return -ENOMEM;

	call->mm = mm;
	call->path = swapmig_preferred_path();
	call->shared = flags & MPOL_MF_MOVE_ALL;
	call->evict = (flags & MPOL_MF_EVICT) || capable(CAP_SYS_NICE);
	call->evict_shared = call->shared && capable(CAP_SYS_NICE);
	INIT_LIST_HEAD(&call->leftover);
	INIT_LIST_HEAD(&call->late);
	for (i = 0; i < SWAPMIG_IN_FLIGHT; i++)
		INIT_LIST_HEAD(&call->in_flight[i]);

	if (trace_swapmig_begin_enabled())
		trace_swapmig_begin(mm, swapmig_mm_pid(mm), from, to,
				    swapmig_path_name(call->path));

	swapmig_nodemap_init(&call->map, from, to, call->path);
	/* If nothing can be evicted, it does not matter what is hot. */
	if (call->path == SWAPMIG_AUTO && (!call->evict || get_nr_swap_pages() <= 0))
		call->path = SWAPMIG_DIRECT;
	if (!nodes_empty(call->map.all)) {
		swapmig_refault_enable();
		if (call->path == SWAPMIG_AUTO)
			call->ended = !swapmig_hot_sample(call);
		swapmig_prefer_others(&caller, &call->map);
		swapmig_migrate(call, nr_left);
		swapmig_restore_policy(&caller);
	}

	nr_failed = swapmig_sum(nr_left);
	count_vm_events(SWAPMIG_FAILED, nr_failed);
	trace_swapmig_end(mm, call->nr_evicted, call->nr_moved, nr_failed, nr_left);
	kfree(call);
	return min_t(unsigned long, nr_failed, INT_MAX);
}
