/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Control groups.
 */
#ifndef SWAPMIG_CGROUPS_H
#define SWAPMIG_CGROUPS_H

#include <sys/types.h>

/*
 * The root of a hierarchy that has @controller, of version 2 if there is one, else
 * of version 1: @version says which.
 */
int sm_cgroup(const char *controller, int *version);
int sm_cgroup_of(int version, const char *controller);	/* no other one */
int sm_cgroup_attach(int root, const char *group, pid_t pid);

/*
 * Let the swap disk write @limit bytes a second for a group of version 2. "max" is no
 * limit. The least is two: such a write never ends. One group at a time;
 * sm_cleanup() lifts the limit.
 */
const char *sm_lacks_limits(void);
int sm_limit_writes(int root, const char *group, const char *limit);
void sm_lift_limit(void);

#endif /* SWAPMIG_CGROUPS_H */
