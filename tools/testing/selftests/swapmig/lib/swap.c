// SPDX-License-Identifier: GPL-2.0-only
/*
 * Swap devices of a test, and memory that goes there. See swap.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/swap.h>
#include <unistd.h>

#include "files.h"
#include "pages.h"
#include "processes.h"
#include "swap.h"

#define NR_SWAPS	2

/* The devices in use, and the number of the zram device that is ours. */
static struct record {
	char swap[NR_SWAPS][SM_PATH_LEN];
	char zram[SM_PATH_LEN];
} *record;

static void __attribute__((constructor)) prepare(void)
{
	record = sm_share(sizeof(*record));
}

/* A swap device that is none of ours. */
static bool foreign_swap(void)
{
	char line[512];
	bool found = false;
	int i;
	FILE *f;

	f = fopen("/proc/swaps", "r");
	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f)) {
		if (line[0] != '/')
			continue;
		line[strcspn(line, " \t")] = 0;
		found = true;
		for (i = 0; i < NR_SWAPS; i++)
			if (!strcmp(record->swap[i], line))
				found = false;
	}
	fclose(f);
	return found;
}

const char *sm_lacks_no_swap(void)
{
	return foreign_swap() ? "the machine's own swap is on" : NULL;
}

const char *sm_lacks_swap(enum sm_dev dev)
{
	const char *disk = getenv("SWAPMIG_DISK");

	/* Which device the kernel takes could not be told. */
	if (foreign_swap())
		return sm_lacks_no_swap();
	if (access("/proc/swaps", F_OK))
		return "kernel without CONFIG_SWAP";
	if (dev == SM_DISK) {
		if (!disk || !*disk)
			return "SWAPMIG_DISK names no device";
		return sm_lacks_path(disk);
	}
	return sm_lacks_path("/sys/class/zram-control");
}

/* A zram device that nobody uses: a new one, whatever exists already. */
static int zram_get(char *dev, size_t bytes)
{
	char path[SM_PATH_LEN], size[32];
	long id = sm_read_long("/sys/class/zram-control/hot_add");

	if (id < 0)
		return -1;
	snprintf(record->zram, SM_PATH_LEN, "%ld", id);
	snprintf(dev, SM_PATH_LEN, "/dev/zram%ld", id);
	snprintf(path, sizeof(path), "/sys/block/zram%ld/disksize", id);
	snprintf(size, sizeof(size), "%zu", bytes);
	return sm_write(path, size);
}

static int zram_put(void)
{
	if (!record->zram[0])
		return 0;
	if (sm_write("/sys/class/zram-control/hot_remove", record->zram))
		return -1;
	record->zram[0] = 0;
	return 0;
}

static int make_swap(const char *dev, size_t bytes)
{
	char page[sm_page];
	struct {
		uint32_t version;
		uint32_t last_page;
		uint32_t nr_badpages;
	} header = {
		.version = 1,
		.last_page = bytes / sm_page,
	};
	int fd, ret = -1;

	memset(page, 0, sm_page);
	memcpy(page + 1024, &header, sizeof(header));
	memcpy(page + sm_page - 10, "SWAPSPACE2", 10);
	fd = open(dev, O_RDWR);
	if (fd < 0)
		return -1;
	if (pwrite(fd, page, sm_page, 0) == (ssize_t)sm_page && !fsync(fd))
		ret = 0;
	close(fd);
	return ret;
}

/* Swap for exactly @bytes. */
int sm_swap_on(enum sm_dev dev, size_t bytes)
{
	char path[SM_PATH_LEN];
	int i;

	for (i = 0; i < NR_SWAPS; i++)
		if (!record->swap[i][0])
			break;
	if (i == NR_SWAPS) {
		errno = ENOSPC;
		return -1;
	}
	if (dev == SM_DISK)
		snprintf(path, sizeof(path), "%s", getenv("SWAPMIG_DISK"));
	else if (zram_get(path, bytes + sm_page))
		return -1;
	if (make_swap(path, bytes))
		return -1;
	snprintf(record->swap[i], SM_PATH_LEN, "%s", path);
	if (!swapon(path, 0))
		return 0;
	record->swap[i][0] = 0;
	return -1;
}

/* The same devices, with all that is in them brought back in between. */
int sm_swap_off_and_on(void)
{
	int i;

	for (i = 0; i < NR_SWAPS; i++)
		if (record->swap[i][0] && (swapoff(record->swap[i]) ||
					   swapon(record->swap[i], 0)))
			return -1;
	return 0;
}

int sm_swap_off(void)
{
	int i, ret = 0;

	for (i = 0; i < NR_SWAPS; i++) {
		if (!record->swap[i][0])
			continue;
		if (swapoff(record->swap[i]) && errno != EINVAL) {
			fprintf(stderr, "# swapoff %s: %s\n", record->swap[i],
				strerror(errno));
			ret = -1;
			continue;
		}
		record->swap[i][0] = 0;
	}
	return ret ? ret : zram_put();
}

/* The caller's pages that are in the swap cache are mapped, and paged out again. */
static int page_out_of_cache(char *addr, size_t len)
{
	char *p;

	for (p = addr; p < addr + len; p += sm_page)
		if (sm_in_memory(p, sm_page))
			sm_touch(p, sm_page);
	return sm_page_out(addr, len);
}

/*
 * A page that is to be written is freed only when reclaim comes by after that, and
 * MADV_PAGEOUT only sees mapped pages. So map the page again: it is clean, and freed at
 * once. A child does that, as full swap takes the slot from a page that no other process
 * has in swap.
 */
int sm_swap_out(void *addr, size_t len)
{
	int tries;
	pid_t pid;

	for (tries = 0; tries < 500; tries++) {
		if (sm_page_out(addr, len))
			return -1;
		if (!sm_in_memory(addr, len))
			return 0;
		pid = sm_fork();
		if (!pid)
			_exit(page_out_of_cache(addr, len) ? 1 : 0);
		if (pid < 0 || sm_reap(pid))
			return -1;
	}
	errno = ETIMEDOUT;
	return -1;
}
