/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Small files, and files to map.
 */
#ifndef SWAPMIG_FILES_H
#define SWAPMIG_FILES_H

#include <stdbool.h>
#include <stddef.h>

#define SM_PATH_LEN	128

/* The first line of a file, without its end. */
int sm_read_line(const char *path, char *buf, size_t size);
long sm_read_long(const char *path);
/* The number after @name in @line; -1 if @name is not there. */
long sm_field(const char *line, const char *name);
/* The value of the line "<key> <value>" of a file; -1 when there is none. */
long long sm_read_key(const char *path, const char *key);
long long sm_vmstat(const char *name);
int sm_write(const char *path, const char *value);
int sm_write_at(int dir, const char *path, const char *value);

const char *sm_lacks_path(const char *path);

/* A file system of its own; it is gone when the last descriptor is. */
int sm_mount_fd(const char *fs, const char *flag);

/* Its option: "never", "always". */
int sm_tmpfs(const char *huge);
int sm_tmpfs_remount(int dir, const char *huge);
int sm_tmpfs_file(const char *huge);	/* a file on a new one */

/* A file on the ext4 of SWAPMIG_EXT4, already without a name. */
const char *sm_lacks_ext4(void);
int sm_ext4_file(void);
int sm_reopen(int fd, int flags);

#endif /* SWAPMIG_FILES_H */
