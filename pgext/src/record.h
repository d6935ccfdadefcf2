/*
 * record.h
 *		Which provider an installed extension came from.
 */
#ifndef PGINSTALL_RECORD_H
#define PGINSTALL_RECORD_H

#include "message.h"

#define OUR_EXTENSION "pginstall"

/*
 * An extension of this database. full_name and archive_version are NULL unless
 * it came through us; version is what pg_extension says.
 */
typedef struct InstalledExtension
{
	Oid			oid;
	char	   *name;
	char	   *version;
	char	   *full_name;
	char	   *archive_version;
} InstalledExtension;

extern List *installed_extensions(void);
extern List *installed_extensions_unless_locked(void);
extern const InstalledExtension *find_installed(const List *installed,
												const char *name);
extern char *recorded_version(const char *full_name);
extern void require_record(void);
extern void write_record(const ResultExtension *extension);
extern void forget_extension(const char *name);

#endif							/* PGINSTALL_RECORD_H */
