/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Other processes, and programs.
 */
#ifndef SWAPMIG_PROCESSES_H
#define SWAPMIG_PROCESSES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SM_NOBODY		65534

/* A child that cannot outlive the test. */
pid_t sm_fork(void);
int sm_reap(pid_t pid);			/* wait status */
long sm_major_faults(pid_t pid);
char sm_state(pid_t pid);		/* 'R', 'S', 'D', ...; 'X' if it is gone */
void sm_kill(pid_t pid);

/* Become an ordinary user, whose processes may still ptrace each other. */
int sm_become(uid_t uid);

/*
 * A child that serves one request at a time by @serve() and rests in between,
 * touching nothing.
 */
struct sm_peer {
	pid_t pid;
	int ask;
	int answer;
};

int sm_peer_start(struct sm_peer *peer, long (*serve)(int what, void *arg),
		  void *arg);
long sm_peer_ask(struct sm_peer *peer, int what);
/* The same in two steps, the second of which waits for the answer to the first. */
int sm_peer_tell(struct sm_peer *peer, int what);
long sm_peer_hear(struct sm_peer *peer);
void sm_peer_end(struct sm_peer *peer);

/* The usual peer: a buffer of anonymous memory. */
enum { SM_PEER_FILL, SM_PEER_BAD, SM_PEER_TOUCH };

struct sm_buffer {
	char *addr;
	size_t len;
	uint64_t seed;
	int node;
};

long sm_serve_buffer(int what, void *arg);

/*
 * Run a program with arguments up to NULL, its output into @out unless that is
 * NULL; the wait status.
 */
const char *sm_lacks_program(const char *name);
int sm_run(char *out, size_t size, const char *program, ...);

#endif /* SWAPMIG_PROCESSES_H */
