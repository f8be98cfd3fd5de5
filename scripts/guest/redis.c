// SPDX-License-Identifier: GPL-2.0-only
/*
 * A Redis server, and its one client. See redis.h.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "redis.h"
#include "util.h"

#define SOCKET		"/tmp/redis"
#define VALUE_LEN	1000
#define NOISE_LEN	128
/* with what the server keeps beside it */
#define PER_KEY		1120
#define MAX_LEN		(VALUE_LEN + 100)

static unsigned int nr_keys;
static int server;

static uint64_t shuffle(uint64_t x)
{
	x ^= x << 13;
	x ^= x >> 7;
	return x ^ x << 17;
}

/* Data that compresses well, as that of programs does: an eighth is noise. */
static const char *value_of(unsigned int key)
{
	static char value[VALUE_LEN + 1];
	uint64_t x = key + 88172645463325252ULL;
	char word[9];
	int i;

	for (i = 0; i < NOISE_LEN; i++) {
		x = shuffle(x);
		value[i] = 'A' + x % 32;
	}
	snprintf(word, sizeof(word), "%08u", key);
	for (; i < VALUE_LEN; i += 8)
		memcpy(value + i, word, 8);
	return value;
}

static int ask(const char *request, const char *expected, struct redis_time *time)
{
	size_t got, len = strlen(request);
	char reply[MAX_LEN];
	ssize_t n;

	clock_gettime(CLOCK_MONOTONIC, &time->asked);
	if (send(server, request, len, MSG_NOSIGNAL) != (ssize_t)len)
		return -1;
	len = strlen(expected);
	for (got = 0; got < len; got += n) {
		n = recv(server, reply + got, len - got, 0);
		if (n <= 0 || memcmp(reply + got, expected + got, n)) {
			errno = n < 0 ? errno : EBADMSG;
			return -1;
		}
	}
	clock_gettime(CLOCK_MONOTONIC, &time->answered);
	return 0;
}

static int set(unsigned int key)
{
	char request[MAX_LEN];
	struct redis_time time;

	snprintf(request, sizeof(request),
		 "*3\r\n$3\r\nSET\r\n$8\r\n%08u\r\n$%d\r\n%s\r\n",
		 key, VALUE_LEN, value_of(key));
	return ask(request, "+OK\r\n", &time);
}

static int get(unsigned int key, struct redis_time *time)
{
	char request[MAX_LEN], expected[MAX_LEN];

	snprintf(request, sizeof(request), "*2\r\n$3\r\nGET\r\n$8\r\n%08u\r\n", key);
	snprintf(expected, sizeof(expected), "$%d\r\n%s\r\n", VALUE_LEN, value_of(key));
	return ask(request, expected, time);
}

/* The server takes a moment to be there. */
static int reach(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX, .sun_path = SOCKET };
	int tries;

	server = socket(AF_UNIX, SOCK_STREAM, 0);
	for (tries = 0; tries < 1000; tries++) {
		if (!connect(server, (struct sockaddr *)&addr, sizeof(addr)))
			return 0;
		usleep(10000);
	}
	return -1;
}

pid_t redis_start(size_t bytes)
{
	unsigned int key;
	pid_t pid;

	unlink(SOCKET);
	pid = sm_fork();
	if (!pid) {
		/* On a disk: those of the guest itself are in memory that could be evicted. */
		setenv("LD_LIBRARY_PATH", "redis-lib", 1);
		execlp("redis-server", "redis-server", "--port", "0", "--unixsocket",
		       SOCKET, "--save", "", "--logfile", SOCKET ".log", NULL);
		_exit(1);
	}
	if (pid < 0 || reach())
		return -1;
	nr_keys = bytes / PER_KEY;
	for (key = 0; key < nr_keys; key++)
		if (set(key))
			return -1;
	return pid;
}

/* What is popular lies anywhere, as it was not written at one time. */
int redis_get(struct redis_time *time)
{
	static uint64_t x = 88172645463325252ULL;
	unsigned int key;

	x = shuffle(x);
	key = (x >> 8) % nr_keys;
	return get(x % 10 ? key - key % 10 : key, time);
}
