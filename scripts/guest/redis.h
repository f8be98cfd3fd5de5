/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A Redis server, and its one client. Functions return -1 with errno set when they fail.
 */
#ifndef SWAPMIG_REDIS_H
#define SWAPMIG_REDIS_H

#include <stddef.h>
#include <sys/types.h>
#include <time.h>

struct redis_time {
	struct timespec asked, answered;
};

/* Start a server that has @bytes of data, and connect to it. */
pid_t redis_start(size_t bytes);

/* Get a value, nine times of ten one of a tenth of the keys, and verify it. */
int redis_get(struct redis_time *time);

#endif /* SWAPMIG_REDIS_H */
