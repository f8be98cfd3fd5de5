// SPDX-License-Identifier: GPL-2.0
/*
 * Swap migration: counters, tracepoints, sysfs and the boot parameter.
 */
#include <linux/init.h>
#include <linux/kobject.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/string.h>
#include <linux/sysfs.h>
#include <linux/vmstat.h>

#include "swapmig.h"

#define CREATE_TRACE_POINTS
#include <trace/events/swapmig.h>

#undef MODULE_PARAM_PREFIX
#define MODULE_PARAM_PREFIX "swapmig."

static const char * const swapmig_path_names[NR_SWAPMIG_PATHS] = {
	[SWAPMIG_SWAP] = "swap",
	[SWAPMIG_DIRECT] = "direct",
	[SWAPMIG_AUTO] = "auto",
};

static enum swapmig_path swapmig_path __read_mostly =
	IS_ENABLED(CONFIG_SWAPMIG_DEFAULT_DIRECT) ? SWAPMIG_DIRECT :
	IS_ENABLED(CONFIG_SWAPMIG_DEFAULT_AUTO) ? SWAPMIG_AUTO : SWAPMIG_SWAP;

#define SWAPMIG_MAX_WINDOW_MS	10000

static unsigned int swapmig_window __read_mostly = 200;

/**
 * swapmig_preferred_path - the preferred path of new calls
 *
 * Context: any.
 * Return: the path, which can change at any time.
 */
enum swapmig_path swapmig_preferred_path(void)
{
	return READ_ONCE(swapmig_path);
}

/**
 * swapmig_path_name - the name of a path
 * @path: the path
 *
 * Context: any.
 * Return: its name, as it is written to sysfs.
 */
const char *swapmig_path_name(enum swapmig_path path)
{
	return swapmig_path_names[path];
}

/**
 * swapmig_window_ms - how long new calls watch what the process accesses
 *
 * Context: any.
 * Return: milliseconds, which can change at any time; 0 for no window.
 */
unsigned int swapmig_window_ms(void)
{
	return READ_ONCE(swapmig_window);
}

static int swapmig_choose_path(const char *name)
{
	int path = sysfs_match_string(swapmig_path_names, name);

	if (path < 0)
		return path;
	WRITE_ONCE(swapmig_path, path);
	return 0;
}

static int swapmig_path_param_set(const char *name,
				  const struct kernel_param *kp)
{
	return swapmig_choose_path(name);
}

static const struct kernel_param_ops swapmig_path_param_ops = {
	.set = swapmig_path_param_set,
};

module_param_cb(path, &swapmig_path_param_ops, NULL, 0);

#ifdef CONFIG_SYSFS
static ssize_t path_show(struct kobject *kobj, struct kobj_attribute *attr,
			 char *buf)
{
	enum swapmig_path chosen = swapmig_preferred_path();
	int i, len = 0;

	for (i = 0; i < NR_SWAPMIG_PATHS; i++)
		len += sysfs_emit_at(buf, len, i == chosen ? "%s[%s]" : "%s%s",
				     i ? " " : "", swapmig_path_names[i]);
	return len + sysfs_emit_at(buf, len, "\n");
}

static ssize_t path_store(struct kobject *kobj, struct kobj_attribute *attr,
			  const char *buf, size_t count)
{
	return swapmig_choose_path(buf) ?: count;
}

static struct kobj_attribute path_attr = __ATTR_RW(path);

static ssize_t window_ms_show(struct kobject *kobj, struct kobj_attribute *attr,
			      char *buf)
{
	return sysfs_emit(buf, "%u\n", swapmig_window_ms());
}

static ssize_t window_ms_store(struct kobject *kobj, struct kobj_attribute *attr,
			       const char *buf, size_t count)
{
	unsigned int window;

	if (kstrtouint(buf, 10, &window) || window > SWAPMIG_MAX_WINDOW_MS)
		return -EINVAL;
	WRITE_ONCE(swapmig_window, window);
	return count;
}

static struct kobj_attribute window_ms_attr = __ATTR_RW(window_ms);

static struct attribute *swapmig_attrs[] = {
	&path_attr.attr,
	&window_ms_attr.attr,
	NULL,
};

static const struct attribute_group swapmig_attr_group = {
	.name = "swapmig",
	.attrs = swapmig_attrs,
};

static int __init swapmig_sysfs_init(void)
{
	return sysfs_create_group(mm_kobj, &swapmig_attr_group);
}
late_initcall(swapmig_sysfs_init);
#endif
