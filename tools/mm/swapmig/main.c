// SPDX-License-Identifier: GPL-2.0-only
/*
 * swapmig: the command line.
 */
#include <err.h>
#include <getopt.h>
#include <limits.h>
#include <numa.h>
#include <stdlib.h>
#include <string.h>

#include "swapmig.h"

static const char help[] =
"usage: swapmig watch [-1] [-j] [-i SECONDS] [PID]\n"
"       swapmig move [-p PATH] PID FROM TO\n"
"       swapmig -h\n"
"\n"
"watch shows the memory of each node and in swap, migrations under way, and counters:\n"
"on a terminal all the time (q quits), else once. PID: where its memory is, too.\n"
"  -1, --once              once, also on a terminal\n"
"  -j, --json              once, as JSON\n"
"  -i, --interval SECONDS  how often it is drawn, from 0.1 to 3600 (1)\n"
"\n"
"move migrates the memory of the process PID from the nodes FROM to the nodes TO, which\n"
"are lists as numactl takes them: 0-2,5 or !1 or all.\n"
"  -p, --path PATH         swap, direct or auto; as root. Migrations that others begin\n"
"                          at the same time may take it, too\n"
"It ends with 0, 1 if the call was refused, 2 if it was called wrongly, 3 if pages were\n"
"left behind, 130 after Ctrl-C.\n";

static void usage(void)
{
	fprintf(stderr, "Try 'swapmig -h'.\n");
	exit(EXIT_USAGE);
}

/* It is none of a command's own. */
static void end_for_option(int option)
{
	if (option != 'h')
		usage();
	fputs(help, stdout);
	exit(0);
}

static pid_t read_pid(const char *text)
{
	char *end;
	long pid = strtol(text, &end, 10);

	if (end == text || *end || pid <= 0 || pid > INT_MAX) {
		warnx("'%s' is not the ID of a process", text);
		usage();
	}
	return pid;
}

static double read_interval(const char *text)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || !(seconds >= 0.1 && seconds <= 3600)) {
		warnx("'%s' is not a number of seconds from 0.1 to 3600", text);
		usage();
	}
	return seconds;
}

static void read_nodes(const char *what, const char *text, bool any, struct nodes *nodes)
{
	if (!nodes_parse(text, any, nodes)) {
		warnx("%s: '%s' is not a list of nodes that this machine has%s", what, text,
		      any ? "" : " and you may use");
		usage();
	}
}

static int run_watch(int argc, char **argv)
{
	static const struct option options[] = {
		{ "once", no_argument, NULL, '1' },
		{ "json", no_argument, NULL, 'j' },
		{ "interval", required_argument, NULL, 'i' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	bool once = false, as_json = false;
	double interval = 1;
	int option;

	while ((option = getopt_long(argc, argv, "1ji:h", options, NULL)) >= 0) {
		switch (option) {
		case '1':
			once = true;
			break;
		case 'j':
			as_json = true;
			break;
		case 'i':
			interval = read_interval(optarg);
			break;
		default:
			end_for_option(option);
		}
	}
	if (argc - optind > 1) {
		warnx("watch takes one process");
		usage();
	}
	return watch(argc > optind ? read_pid(argv[optind]) : 0, once, as_json, interval);
}

static int run_move(int argc, char **argv)
{
	static const struct option options[] = {
		{ "path", required_argument, NULL, 'p' },
		{ "help", no_argument, NULL, 'h' },
		{ }
	};
	const char *path = NULL;
	struct nodes from, to;
	int option;
	pid_t pid;

	while ((option = getopt_long(argc, argv, "p:h", options, NULL)) >= 0) {
		switch (option) {
		case 'p':
			path = optarg;
			if (path_is_name(path))
				break;
			warnx("--path: '%s' is not swap, direct or auto", path);
			usage();
			break;
		default:
			end_for_option(option);
		}
	}
	if (argc - optind != 3) {
		warnx("move takes a process, the nodes to leave and the nodes to go to");
		usage();
	}
	if (numa_available() < 0)
		errx(EXIT_REFUSED, "this kernel knows no NUMA nodes");
	pid = read_pid(argv[optind]);
	read_nodes("FROM", argv[optind + 1], true, &from);
	read_nodes("TO", argv[optind + 2], false, &to);
	return migrate(path, pid, &from, &to);
}

int main(int argc, char **argv)
{
	const char *command = argc > 1 ? argv[1] : "";

	if (!strcmp(command, "watch"))
		return run_watch(argc - 1, argv + 1);
	if (!strcmp(command, "move"))
		return run_move(argc - 1, argv + 1);
	if (!strcmp(command, "-h") || !strcmp(command, "--help")) {
		fputs(help, stdout);
		return 0;
	}
	if (*command)
		warnx("'%s' is neither watch nor move", command);
	usage();
}
