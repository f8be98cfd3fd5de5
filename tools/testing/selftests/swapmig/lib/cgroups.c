// SPDX-License-Identifier: GPL-2.0-only
/*
 * Control groups. See cgroups.h.
 */
#include <stdio.h>
#include <unistd.h>

#include "cgroups.h"
#include "files.h"

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
