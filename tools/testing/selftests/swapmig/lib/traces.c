// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the tracepoints of swap migration say. See traces.h.
 */
#include <errno.h>
#include <stdio.h>
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

/* The sum of the numbers after @field, or how many there are, of the lines with @text. */
static long sum_lines(const char *text, const char *field)
{
	FILE *f = fopen(SM_TRACE "/trace", "r");
	char line[1024];
	long sum = 0;

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f))
		if (strstr(line, text))
			sum += field ? sm_field(line, field) : 1;
	fclose(f);
	return sum;
}

int sm_traced(const char *text)
{
	return sum_lines(text, NULL);
}

long sm_traced_left(const char *reason)
{
	return sum_lines("swapmig_end:", reason);
}
