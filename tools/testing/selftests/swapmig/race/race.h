/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Races: a process checks its memory all along, while the memory is migrated to and
 * fro without a pause and something else happens to it.
 */
#ifndef SWAPMIG_RACE_H
#define SWAPMIG_RACE_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "../util.h"

#define RACE_MIGRATORS	3
#define RACE_REGIONS	5
#define RACE_SCRATCH	SM_HUGE

struct race_region {
	char *addr;
	size_t len;
	uint64_t seed;
};

/* What the processes of a run tell each other. */
struct race_shared {
	int ready;
	int stop;		/* the migrators, then the process */
	int exit;
	struct race_region region[RACE_REGIONS];	/* as they began */
	pid_t also;		/* another process that is migrated, too */
	long calls[RACE_MIGRATORS];
	long tries;		/* rounds, and those of them that did something */
	long hits;
	long passes;		/* over all of the process's memory */
	long pages;		/* whose contents were right */
	char failed[256];	/* the first failure, if any */
};

struct race_run {
	const struct race *race;
	struct race_shared *shared;
	struct race_region region[RACE_REGIONS];	/* the process's memory */
	pid_t process;
	pid_t migrator[RACE_MIGRATORS];
	unsigned long nodes;	/* that have memory */
	long scale;		/* times as many rounds as usual */
	const char *counter;	/* of what the path does; NULL: of any path */
	long long carried;	/* what it was before the run */
	uint64_t random;
	char *scratch;		/* for rounds of the process: RACE_SCRATCH bytes */
	void *data;		/* of the race */
	jmp_buf failed;
};

/*
 * A round returns 1 when it did what it is there for, 0 when it could not this time.
 * What is wrong is told by RACE_CHECK(), or by returning -1.
 */
struct race {
	const char *name;
	const char *(*lacks)(void);
	bool outside;		/* rounds are not done by the process */
	bool any_path;		/* the path is not what the test chose */
	const char *not_with;	/* one that makes it fail if run at once */
	int migrators;		/* 1 unless said otherwise */
	int pause;		/* rounds without them after each of their calls */
	int rounds;		/* that have to hit */
	int (*prepare)(void);	/* settings that a new process takes over */
	int (*begin)(struct race_run *run);
	int (*round)(struct race_run *run, long nr);
	void (*end)(struct race_run *run);
};

/* Note the first failure of a run; the latter does not return after one. */
int race_failed(struct race_run *run, const char *file, int line,
		const char *what);
void race_check(struct race_run *run, bool good, const char *file, int line,
		const char *what);

#define RACE_CHECK(run, good)						\
	race_check(run, good, __FILE__, __LINE__, #good)

unsigned long race_random(struct race_run *run, unsigned long below);
void race_pause(struct race_run *run);	/* a little: up to 2 ms */
long race_env(const char *name, long otherwise);

/* A child of a round, which is migrated as well, and how it ended. */
pid_t race_child(struct race_run *run);
int race_child_end(struct race_run *run, pid_t pid);

/* All of a run: NULL, or what went wrong. */
struct race_shared *race_share(void);
const char *race_run(const struct race *race, const char *counter, uint64_t seed,
		     long scale, struct race_shared *shared);
long long race_carried(const struct race *race, const char *counter);

/* Set where the kernel has been told to fail what such processes allocate. */
extern bool race_migrators_fail;

/* Nothing has been shown by memory that stayed where it was. */
#define RACE_MIN_CARRIED	64

/* All races, in lists up to NULL: one of each file. */
extern const struct race * const * const race_lists[];
extern const struct race * const races_of_mappings[];
extern const struct race * const races_of_pages[];
extern const struct race * const races_of_machine[];
extern const struct race * const races_of_groups[];
extern const struct race * const races_of_hotremove[];
extern const struct race * const races_of_umount[];

const struct race *race_named(const char *name);

#endif /* SWAPMIG_RACE_H */
