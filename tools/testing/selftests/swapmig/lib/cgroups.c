// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control groups. See cgroups.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cgroups.h"
#include "files.h"
#include "pages.h"

/* The group whose writes are limited. */
static char *limited;

static void __attribute__((constructor)) prepare(void)
{
	limited = sm_share(SM_PATH_LEN);
}

/*
 * A controller goes from one hierarchy to the other, and not before the last group of
 * the old one has died. Another mount of the old hierarchy makes the kernel look
 * whether it has; the page cache may be what keeps it.
 *
 * @wanted: the version; 0 is 2 if that can be had, or else 1.
 */
static int get_root(const char *controller, int wanted, int *version)
{
	char enable[32];
	int fd, tries;

	snprintf(enable, sizeof(enable), "+%s", controller);
	for (tries = 0; tries < 100; tries++) {
		if (wanted != 1) {
			*version = 2;
			fd = sm_mount_fd("cgroup2", NULL);
			if (fd >= 0) {
				if (!sm_write_at(fd, "cgroup.subtree_control",
						 enable))
					return fd;
				close(fd);
			}
		}
		*version = 1;
		fd = sm_mount_fd("cgroup", controller);
		if (fd >= 0) {
			if (wanted != 2)
				return fd;
			close(fd);
		}
		sm_write("/proc/sys/vm/drop_caches", "3");
		usleep(50000);
	}
	return -1;
}

int sm_cgroup(const char *controller, int *version)
{
	return get_root(controller, 0, version);
}

int sm_cgroup_of(int version, const char *controller)
{
	return get_root(controller, version, &version);
}

int sm_cgroup_attach(int root, const char *group, pid_t pid)
{
	char path[SM_PATH_LEN], number[16];

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	snprintf(number, sizeof(number), "%d", pid);
	return sm_write_at(root, path, number);
}

/*
 * The base compares a slice that was never used, so one of jiffy 0, with the time.  On
 * a 32-bit kernel that is in the future for five minutes after the boot: BUG_ON().
 */
const char *sm_lacks_limits(void)
{
	struct utsname name;

	if (uname(&name) || strstr(name.machine, "64"))
		return NULL;
	return "io.max may crash a 32-bit kernel";
}

static int set_limit(int root, const char *group, const char *limit)
{
	const char *disk = getenv("SWAPMIG_DISK");
	char path[SM_PATH_LEN + 8], value[64];
	struct stat st;

	if (!disk || stat(disk, &st))
		return -1;
	snprintf(path, sizeof(path), "%s/io.max", group);
	snprintf(value, sizeof(value), "%u:%u wbps=%s", major(st.st_rdev),
		 minor(st.st_rdev), limit);
	return sm_write_at(root, path, value);
}

int sm_limit_writes(int root, const char *group, const char *limit)
{
	snprintf(limited, SM_PATH_LEN, "%s", group);
	return set_limit(root, group, limit);
}

/* As long as there is one, nothing could be taken out of swap. */
void sm_lift_limit(void)
{
	int root;

	if (!limited[0])
		return;
	root = sm_mount_fd("cgroup2", NULL);
	if (root >= 0) {
		set_limit(root, limited, "max");
		close(root);
	}
	limited[0] = 0;
}
