// SPDX-License-Identifier: GPL-2.0-only
/*
 * "swapmig watch --json": one object.
 */
#include <string.h>

#include "swapmig.h"

/* How many bytes at @c are one character of UTF-8, 0 if they are none. */
static int utf8_len(const unsigned char *c)
{
	unsigned long code;
	int len;

	if (*c < 0x80)
		return 1;
	len = (*c & 0xe0) == 0xc0 ? 2 : (*c & 0xf0) == 0xe0 ? 3 : (*c & 0xf8) == 0xf0 ? 4 : 0;
	code = len ? *c & (0xff >> (len + 1)) : 0;
	for (int i = 1; i < len; i++) {
		if ((c[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (c[i] & 0x3f);
	}
	/* longer than it needs to be, half of a pair, or no character at all */
	if (code < (len == 2 ? 0x80 : len == 3 ? 0x800 : 0x10000) ||
	    (code >= 0xd800 && code < 0xe000) || code > 0x10ffff)
		return 0;
	return len;
}

/* A name can be any bytes, but JSON is UTF-8. */
static void print_string(const char *text)
{
	const unsigned char *c = (const unsigned char *)text;
	int len;

	putchar('"');
	for (; *c; c += len ? len : 1) {
		len = utf8_len(c);
		if (!len)
			printf("\\ufffd");
		else if (*c == '"' || *c == '\\')
			printf("\\%c", *c);
		else if (*c < ' ' || *c == 0x7f)
			printf("\\u%04x", *c);
		else
			printf("%.*s", len, (const char *)c);
	}
	putchar('"');
}

/* {"0": 123, "2": 45} */
static void print_pages(const unsigned long pages[MAX_NODES])
{
	const char *comma = "";

	putchar('{');
	for (int node = 0; node < MAX_NODES; node++) {
		if (pages[node]) {
			printf("%s\"%d\": %lu", comma, node, pages[node]);
			comma = ", ";
		}
	}
	putchar('}');
}

static void print_process(const struct view *view)
{
	printf("  \"process\": {\n    \"pid\": %d,\n    \"name\": ", view->pid);
	print_string(view->name);
	printf(",\n    \"resident\": %lu,\n    \"in_swap\": %lu,\n    \"nodes\": ",
	       view->resident, view->in_swap);
	if (view->error)
		printf("null");
	else
		print_pages(view->residency.on);
	printf(",\n    \"in_swap_by_refault_node\": ");
	if (view->residency.tells_refault)
		print_pages(view->residency.refault);
	else
		printf("null");
	printf("\n  }\n");
}

static void print_counters(const struct view *view)
{
	printf("  \"counters\": {");
	for (int i = 0; i < NR_COUNTERS; i++)
		printf("%s\"%s\": %llu", i ? ", " : "", counter_names[i], view->counters[i]);
	printf("},\n");
}

void json_print(const struct view *view)
{
	printf("{\n  \"page_size\": %lu,\n  \"nodes\": [", page_kib() * 1024);
	for (int i = 0; i < view->nr_nodes; i++)
		printf("%s\n    {\"node\": %d, \"total\": %lu, \"free\": %lu}", i ? "," : "",
		       view->nodes[i].node, view->nodes[i].total, view->nodes[i].free);
	printf("\n  ],\n  \"swap\": {\"total\": %lu, \"free\": %lu},\n",
	       view->has_swap ? view->swap.total : 0, view->has_swap ? view->swap.free : 0);
	if (view->has_counters) {
		printf("  \"path\": \"%s\",\n  \"window_ms\": %ld,\n", view->path, view->window_ms);
		print_counters(view);
	} else {
		printf("  \"path\": null,\n  \"window_ms\": null,\n  \"counters\": null,\n");
	}
	if (view->pid)
		print_process(view);
	else
		printf("  \"process\": null\n");
	printf("}\n");
}
