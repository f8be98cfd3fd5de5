// SPDX-License-Identifier: GPL-2.0-only
/*
 * A call, as the tracepoints tell of it.
 */
#include <stdlib.h>
#include <string.h>

#include "swapmig.h"

unsigned long call_done(const struct call *call)
{
	return call->evicted + call->moved;
}

void call_event(struct call *call, const struct event *event)
{
	switch (event->type) {
	case EVENT_BEGIN:
		call->begin = *event;
		call->since = now();
		break;
	case EVENT_SAMPLE:
		call->sampling = true;
		break;
	case EVENT_PROGRESS:
	case EVENT_END:
		call->sampling = false;
		call->evicted = event->evicted;
		call->moved = event->moved;
		call->failed = event->failed;
		if (event->type == EVENT_PROGRESS)
			break;
		call->ended = now();
		snprintf(call->reasons, sizeof(call->reasons), "%s", event->reasons);
		break;
	default:
		break;
	}
}

/* Pages per second, on average. */
double call_rate(const struct call *call)
{
	double seconds = (call->ended ? call->ended : now()) - call->since;

	return seconds > 0 ? call_done(call) / seconds : 0;
}

/* Below 0 as long as too little is done to tell. */
double call_seconds_left(const struct call *call)
{
	unsigned long done = call_done(call) + call->failed;

	if (!call->pages || call_done(call) <= call->pages / 50)
		return -1;
	return done < call->pages ? (call->pages - done) / call_rate(call) : 0;
}

/* The next of "pinned=3 no_room=1", as words for a reader. */
bool reason_next(const char **reasons, char name[NAME_LEN], unsigned long *pages)
{
	const char *value = strchr(*reasons, '=');
	char *end;

	if (!value)
		return false;
	snprintf(name, NAME_LEN, "%.*s", (int)(value - *reasons), *reasons);
	for (char *c = name; *c; c++)
		if (*c == '_')
			*c = ' ';
	*pages = strtoul(value + 1, &end, 10);
	*reasons = *end ? end + 1 : end;
	return true;
}

/* A bar of ASCII characters, @width of them and the end of the string. */
void bar_text(char *text, int width, unsigned long part, unsigned long whole)
{
	int full = whole ? (double)part * width / whole : 0;

	if (full > width)
		full = width;
	/* a little is not nothing */
	if (part && !full)
		full = 1;
	memset(text, '#', full);
	memset(text + full, '.', width - full);
	text[width] = '\0';
}
