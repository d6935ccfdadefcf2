/*
 * statement_name.h
 *		The extension's name in CREATE and ALTER EXTENSION, whole.
 */
#ifndef PGINSTALL_STATEMENT_NAME_H
#define PGINSTALL_STATEMENT_NAME_H

#include "nodes/plannodes.h"

extern bool name_may_be_cut(const char *name);
extern char *whole_extension_name(const PlannedStmt *pstmt,
								  const char *query_string);

#endif							/* PGINSTALL_STATEMENT_NAME_H */
