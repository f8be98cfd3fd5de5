/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the machine has, and what a test does to it as a whole.
 */
#ifndef SWAPMIG_MACHINE_H
#define SWAPMIG_MACHINE_H

#include <sys/types.h>

/* The path that calls try first. */
#define SM_PATH		"/sys/kernel/mm/swapmig/path"
/* How long calls on the path "auto" watch what a process uses. */
#define SM_WINDOW	"/sys/kernel/mm/swapmig/window_ms"
#define SM_KSM		"/sys/kernel/mm/ksm"
/* Whether shared memory has huge pages; a mounted tmpfs has an option for that. */
#define SM_HUGE_SHMEM	"/sys/kernel/mm/transparent_hugepage/shmem_enabled"

/* How many times slower than usual this machine is: SWAPMIG_SLOW. */
int sm_slow(void);

/* NULL, or a text that says what the machine lacks. */
const char *sm_lacks_root(void);
const char *sm_lacks_swapmig(void);	/* the counters, so the feature */
const char *sm_lacks_basics(int nr);	/* both, and @nr nodes with memory */
const char *sm_lacks_ksm(void);

int sm_prefer(const char *path);	/* "swap", "direct" or "auto", until sm_cleanup() */

/*
 * Have KSM merge what is marked, until it has saved @pages frames. After that, KSM
 * neither merges nor breaks anything.
 */
int sm_merge(long pages);

/*
 * CPUs keep free pages for themselves, many megabytes of them where huge pages
 * raise the watermarks. Let them keep few, so that free memory can be compared.
 */
int sm_few_pages_on_cpus(void);

/*
 * Keep pages where a test sends them. Otherwise khugepaged takes some to the node where
 * most of their neighbours are, kcompactd moves some within a full node, and read-ahead
 * brings back pages that nobody has touched.
 */
int sm_keep_still(void);

/*
 * Leave no free memory on @node: the pool of huge pages has it until sm_cleanup(),
 * and a child the rest, locked, until it is killed. Returns the child's pid.
 */
pid_t sm_fill_node(int node);

/*
 * Undo what this test, or one that died before it, did to the machine. The first
 * call of a test also looks for what the test before it has left behind.
 */
void sm_cleanup(void);

#endif /* SWAPMIG_MACHINE_H */
