// SPDX-License-Identifier: GPL-2.0-only
/*
 * Small files, and files to map. See files.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "files.h"

int sm_read_line(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n < 0)
		return -1;
	buf[n] = 0;
	buf[strcspn(buf, "\n")] = 0;
	return 0;
}

int sm_write_at(int dir, const char *path, const char *value)
{
	int fd = openat(dir, path, O_WRONLY | O_TRUNC);
	ssize_t n;
	int err;

	if (fd < 0)
		return -1;
	n = write(fd, value, strlen(value));
	err = errno;
	close(fd);
	errno = err;
	return n < 0 ? -1 : 0;
}

int sm_write(const char *path, const char *value)
{
	return sm_write_at(AT_FDCWD, path, value);
}

long sm_read_long(const char *path)
{
	char buf[64];

	return sm_read_line(path, buf, sizeof(buf)) ? -1 : strtol(buf, NULL, 0);
}

long sm_field(const char *line, const char *name)
{
	const char *p = strstr(line, name);

	return p ? strtol(p + strlen(name), NULL, 10) : -1;
}

/* The line "<key> <value>" of a file; -1 when there is none. */
long long sm_read_key(const char *path, const char *key)
{
	size_t len = strlen(key);
	long long value = -1;
	char line[256], *hit;
	FILE *f = fopen(path, "r");

	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		hit = strstr(line, key);
		if (!hit || (hit != line && hit[-1] != ' '))
			continue;
		if (hit[len] != ' ' && hit[len] != ':')
			continue;
		value = strtoll(hit + len + 1, NULL, 10);
		break;
	}
	fclose(f);
	return value;
}

long long sm_vmstat(const char *name)
{
	return sm_read_key("/proc/vmstat", name);
}

const char *sm_lacks_path(const char *path)
{
	static char why[SM_PATH_LEN + 16];

	if (!access(path, F_OK))
		return NULL;
	snprintf(why, sizeof(why), "no %s", path);
	return why;
}

/* A mount that is attached nowhere needs no clean-up. */
static int mount_fd(const char *fs, unsigned int cmd, const char *key, const char *value)
{
	int ctx, fd = -1, err;

	ctx = syscall(SYS_fsopen, fs, 0);
	if (ctx < 0)
		return -1;
	if (!key || !syscall(SYS_fsconfig, ctx, cmd, key, value, 0)) {
		if (!syscall(SYS_fsconfig, ctx, FSCONFIG_CMD_CREATE, NULL,
			     NULL, 0))
			fd = syscall(SYS_fsmount, ctx, FSMOUNT_CLOEXEC, 0);
	}
	err = errno;
	close(ctx);
	errno = err;
	return fd;
}

int sm_mount_fd(const char *fs, const char *flag)
{
	return mount_fd(fs, FSCONFIG_SET_FLAG, flag, NULL);
}

int sm_tmpfs(const char *huge)
{
	return mount_fd("tmpfs", FSCONFIG_SET_STRING, "huge", huge);
}

int sm_tmpfs_remount(int dir, const char *huge)
{
	int ctx = syscall(SYS_fspick, dir, "", FSPICK_EMPTY_PATH), ret;

	if (ctx < 0)
		return -1;
	ret = syscall(SYS_fsconfig, ctx, FSCONFIG_SET_STRING, "huge", huge, 0);
	if (!ret)
		ret = syscall(SYS_fsconfig, ctx, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0);
	close(ctx);
	return ret;
}

int sm_tmpfs_file(const char *huge)
{
	int dir = sm_tmpfs(huge), fd;

	if (dir < 0)
		return -1;
	fd = openat(dir, "file", O_RDWR | O_CREAT, 0600);
	close(dir);
	return fd;
}

const char *sm_lacks_ext4(void)
{
	const char *dir = getenv("SWAPMIG_EXT4");

	if (!dir || !*dir)
		return "SWAPMIG_EXT4 names no directory";
	return access(dir, W_OK) ? "cannot write to SWAPMIG_EXT4" : NULL;
}

int sm_ext4_file(void)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/swapmig.XXXXXX",
		 getenv("SWAPMIG_EXT4"));
	fd = mkstemp(path);
	if (fd >= 0)
		unlink(path);
	return fd;
}

int sm_reopen(int fd, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags);
}
