// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tracepoints of swap migration say. See traces.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files.h"
#include "traces.h"

const char *sm_lacks_traces(void)
{
	return sm_lacks_path(SM_TRACES);
}

int sm_trace(const char *event)
{
	char path[SM_PATH_LEN];

	if (mkdir(SM_TRACE, 0700) && errno != EEXIST)
		return -1;
	snprintf(path, sizeof(path), SM_TRACE "/events/swapmig/%s%senable",
		 event ? event : "", event ? "/" : "");
	return sm_write(path, "1");
}

/* Events that are still on do not keep the trace. */
void sm_trace_end(void)
{
	rmdir(SM_TRACE);
}

int sm_traced(const char *text)
{
	FILE *f = fopen(SM_TRACE "/trace", "r");
	char line[1024];
	int n = 0;

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		n += !!strstr(line, text);
	fclose(f);
	return n;
}

long sm_trace_field(const char *line, const char *name)
{
	const char *p = strstr(line, name);

	return p ? strtol(p + strlen(name), NULL, 10) : -1;
}

long sm_traced_left(const char *reason)
{
	FILE *f = fopen(SM_TRACE "/trace", "r");
	char line[1024];
	long sum = 0;

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (strstr(line, "swapmig_end:"))
			sum += sm_trace_field(line, reason);
	fclose(f);
	return sum;
}
