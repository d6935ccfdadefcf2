/*
 * script_rewrite.h
 *		Modules in the scripts of extensions that are being created by us.
 */
#ifndef PGINSTALL_SCRIPT_REWRITE_H
#define PGINSTALL_SCRIPT_REWRITE_H

#include "message.h"
#include "nodes/plannodes.h"

/*
 * What is being created, the inner-most statement's. Set for one statement and
 * put back on every way out; NULL otherwise.
 */
extern const CreateResult *current_result;

extern PlannedStmt *rewrite_script_statement(PlannedStmt *pstmt);

#endif							/* PGINSTALL_SCRIPT_REWRITE_H */
