/*
 * statement_parts.h
 *		What CREATE and ALTER EXTENSION ask for, checked.
 */
#ifndef PGINSTALL_STATEMENT_PARTS_H
#define PGINSTALL_STATEMENT_PARTS_H

#include "nodes/pg_list.h"
#include "nodes/plannodes.h"

extern char *checked_extension_name(const PlannedStmt *pstmt,
									const char *query_string);
extern const char *checked_version(const List *options);
extern bool is_installed(const char *name, const List *installed);

#endif							/* PGINSTALL_STATEMENT_PARTS_H */
