/*
 * statement_name.h
 *		The names of extensions in a statement, whole.
 */
#ifndef PGINSTALL_STATEMENT_NAME_H
#define PGINSTALL_STATEMENT_NAME_H

#include "nodes/plannodes.h"

extern List *extension_name_places(Node *stmt);
extern List *whole_extension_names(const PlannedStmt *pstmt,
								   const char *query_string);

#endif							/* PGINSTALL_STATEMENT_NAME_H */
