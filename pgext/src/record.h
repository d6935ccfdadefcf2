/*
 * record.h
 *		Which provider an installed extension came from.
 */
#ifndef PGINSTALL_RECORD_H
#define PGINSTALL_RECORD_H

#include "message.h"

/* An extension of this database; full_name is NULL unless it came through us */
typedef struct InstalledExtension
{
	char	   *name;
	char	   *full_name;
	char	   *version;		/* as pg_extension has it */
} InstalledExtension;

extern List *installed_extensions(void);
extern const InstalledExtension *find_installed(const List *installed,
												const char *name);
extern char *recorded_version(const char *full_name);
extern void require_record(void);
extern void write_record(const ResultExtension *extension);

#endif							/* PGINSTALL_RECORD_H */
