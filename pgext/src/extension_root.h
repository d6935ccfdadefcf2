/*
 * extension_root.h
 *		Where PostgreSQL looks for control files, during one statement.
 */
#ifndef PGINSTALL_EXTENSION_ROOT_H
#define PGINSTALL_EXTENSION_ROOT_H

#include "message.h"

/* What the statement found and must leave behind */
typedef struct ExtensionRoot
{
	char		exec_path[MAXPGPATH];
	const char *control_path;	/* NULL where the setting does not exist */
	int			guc_nest_level; /* 0 where the setting does not exist */
} ExtensionRoot;

extern bool postgres_has_extension(const char *name);
extern char *checked_extension_root(const CreateResult *result, uid_t sidecar);
extern void enter_extension_root(ExtensionRoot *saved, const char *path);
extern void leave_extension_root(const ExtensionRoot *saved, bool completed);

#endif							/* PGINSTALL_EXTENSION_ROOT_H */
