/*
 * neighbour.c
 *		A ProcessUtility hook that says which extension names it sees.
 */
#include "postgres.h"

#include "../../src/compat.h"
#include "nodes/parsenodes.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

static ProcessUtility_hook_type previous_hook = NULL;

static void
see_utility(UTILITY_PARAMS)
{
	if (IsA(pstmt->utilityStmt, CreateExtensionStmt))
		ereport(NOTICE,
				(errmsg("the hook loaded %s sees \"%s\"", NEIGHBOUR,
						((CreateExtensionStmt *) pstmt->utilityStmt)->extname)));
	if (previous_hook)
		previous_hook(UTILITY_ARGS);
	else
		standard_ProcessUtility(UTILITY_ARGS);
}

void
_PG_init(void)
{
	previous_hook = ProcessUtility_hook;
	ProcessUtility_hook = see_utility;
}
