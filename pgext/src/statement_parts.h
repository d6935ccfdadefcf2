/*
 * statement_parts.h
 *		What a statement says of extensions, checked.
 */
#ifndef PGINSTALL_STATEMENT_PARTS_H
#define PGINSTALL_STATEMENT_PARTS_H

#include "nodes/pg_list.h"
#include "nodes/plannodes.h"
#include "record.h"

extern List *checked_extension_names(const PlannedStmt *pstmt,
									 const char *query_string);
extern char *checked_extension_name(const PlannedStmt *pstmt,
									const char *query_string);
extern const char *checked_version(const List *options);
extern void check_provider(const char *full_name,
						   const InstalledExtension *present,
						   const char *hint);
extern bool is_installed(const char *name, const List *installed);

#endif							/* PGINSTALL_STATEMENT_PARTS_H */
