/*-------------------------------------------------------------------------
 *
 * settings_file.h
 *	  The settings file, in YAML.
 *
 *-------------------------------------------------------------------------
 */
#ifndef NEX_SETTINGS_FILE_H
#define NEX_SETTINGS_FILE_H

#include <stdbool.h>

typedef struct AllSettings AllSettings;

#define SETTINGS_DEFAULT_FILE "/etc/nex_backup.yaml"

/* Apply a YAML file; false (every error reported, exit 2) if anything is wrong with it. */
extern bool settings_read_file(const char *path, AllSettings *settings);

#endif /* NEX_SETTINGS_FILE_H */
