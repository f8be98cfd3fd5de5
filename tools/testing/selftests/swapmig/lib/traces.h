/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tracepoints of swap migration say, in a trace of the test's own.
 */
#ifndef SWAPMIG_TRACES_H
#define SWAPMIG_TRACES_H

#define SM_TRACES	"/sys/kernel/tracing/instances"
#define SM_TRACE	SM_TRACES "/swapmig-test"

const char *sm_lacks_traces(void);

/* Trace @event from now on, as "swapmig_begin", or all if it is NULL. */
int sm_trace(const char *event);
void sm_trace_end(void);

/* How often the trace has @text. */
int sm_traced(const char *text);

/* The sum of these numbers in all traces of the ends of calls. */
long sm_traced_left(const char *reason);

#endif /* SWAPMIG_TRACES_H */
