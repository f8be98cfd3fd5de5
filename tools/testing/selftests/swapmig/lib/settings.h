/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Settings of the machine, which are put back.
 */
#ifndef SWAPMIG_SETTINGS_H
#define SWAPMIG_SETTINGS_H

/* Write a setting. sm_restore_settings() puts back what it was before the first time. */
int sm_set(const char *path, const char *value);
void sm_restore_settings(void);

#endif /* SWAPMIG_SETTINGS_H */
