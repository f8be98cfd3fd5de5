// SPDX-License-Identifier: GPL-2.0-only
/*
 * Signals that end us are read like any other input, so that what we have set up is taken
 * down wherever we are.
 */
#include <err.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "swapmig.h"

int signals_open(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* a reader that is gone is an error of the write */
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		err(EXIT_REFUSED, "signalfd");
	return fd;
}

/* The number of a signal that has come, or 0. */
int signals_read(int fd)
{
	struct signalfd_siginfo info;

	return read(fd, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : 0;
}
