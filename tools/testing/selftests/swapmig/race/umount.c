// SPDX-License-Identifier: GPL-2.0-only
/*
 * Races of migration with a file system that is unmounted while its pages are on
 * their way. See race.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#include "race.h"

#define FS_SIZE		(8 * MIB)
#define FILE_SIZE	MIB

struct fs {
	int image;
	char dir[32];
};

static const char *lacks_umount(void)
{
	const char *why = sm_lacks_ext4();

	if (!why)
		why = sm_lacks_program("mke2fs");
	return why ? why : sm_lacks_path("/dev/loop-control");
}

static int begin_umount(struct race_run *run)
{
	static struct fs fs;
	char path[32];

	strcpy(fs.dir, "/tmp/swapmig.XXXXXX");
	RACE_CHECK(run, mkdtemp(fs.dir));
	run->data = &fs;
	fs.image = sm_ext4_file();
	RACE_CHECK(run, fs.image >= 0 && !ftruncate(fs.image, FS_SIZE));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fs.image);
	RACE_CHECK(run, !sm_run(NULL, 0, "mke2fs", "-F", path, NULL));
	return 0;
}

/* The loop device goes when the file system does. */
static int mount_image(struct fs *fs)
{
	struct loop_config config = {
		.fd = fs->image, .info.lo_flags = LO_FLAGS_AUTOCLEAR,
	};
	int control, loop, tries, ret = -1;
	char path[32];

	control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	/* Somebody else may take the free one first. */
	for (tries = 0; ret && tries < 20; tries++) {
		snprintf(path, sizeof(path), "/dev/loop%d",
			 ioctl(control, LOOP_CTL_GET_FREE));
		loop = open(path, O_RDWR | O_CLOEXEC);
		ret = ioctl(loop, LOOP_CONFIGURE, &config);
		if (!ret)
			ret = mount(path, fs->dir, "ext4", 0, NULL);
		close(loop);
	}
	close(control);
	return ret;
}

static char *map_file(struct fs *fs)
{
	char path[64], *p;
	int fd;

	snprintf(path, sizeof(path), "%s/file", fs->dir);
	fd = open(path, O_CREAT | O_RDWR, 0600);
	if (fd < 0 || ftruncate(fd, FILE_SIZE))
		return NULL;
	p = sm_map_fd(fd, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED);
	close(fd);
	return p;
}

/* A call may still be looking at the dead, but not for long. */
static int unmount_image(struct fs *fs)
{
	int tries;

	for (tries = 0; umount(fs->dir); tries++) {
		if (errno != EBUSY || tries == 6000)
			return -1;
		usleep(10000);
	}
	return 0;
}

static int round_umount(struct race_run *run, long nr)
{
	struct fs *fs = run->data;
	char *p;
	pid_t pid;
	long bad;

	RACE_CHECK(run, !mount_image(fs));
	pid = race_child(run);
	RACE_CHECK(run, pid >= 0);
	if (!pid) {
		p = map_file(fs);
		if (!p)
			_exit(1);
		sm_fill(p, FILE_SIZE, nr);
		usleep(race_random(run, 20000));
		_exit(sm_bad(p, FILE_SIZE, nr) ? 2 : 0);
	}
	RACE_CHECK(run, !race_child_end(run, pid));
	RACE_CHECK(run, !unmount_image(fs));

	RACE_CHECK(run, !mount_image(fs));
	p = map_file(fs);
	RACE_CHECK(run, p);
	bad = sm_bad(p, FILE_SIZE, nr);
	munmap(p, FILE_SIZE);
	RACE_CHECK(run, !unmount_image(fs));
	RACE_CHECK(run, !bad);
	return 1;
}

static void end_umount(struct race_run *run)
{
	struct fs *fs = run->data;

	if (!fs)
		return;
	umount(fs->dir);
	rmdir(fs->dir);
	close(fs->image);
}

static const struct race race_umount = {
	.name = "umount", .lacks = lacks_umount, .outside = true,
	.begin = begin_umount, .round = round_umount, .end = end_umount,
	.rounds = 4,
};

const struct race * const races_of_umount[] = {
	&race_umount, NULL,
};
