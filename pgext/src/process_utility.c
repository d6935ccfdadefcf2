/*
 * process_utility.c
 *		The statements that we take part in.
 *
 *	CREATE EXTENSION			asked of the sidecar, unless PostgreSQL itself has it
 *	ALTER EXTENSION UPDATE		asked of the sidecar, if it came through us
 *	ALTER EXTENSION, others		full names of installed extensions made short,
 *	DROP, COMMENT, DEPENDS ON	where a statement has them
 *	DROP EXTENSION pginstall	a warning of what is forgotten with it
 *	CREATE FUNCTION, LOAD		in a script of ours: the module's unique name
 *	LOAD						of a module of ours that is missing: asked of the sidecar
 */
#include "postgres.h"

#include "library_hook.h"
#include "miscadmin.h"
#include "process_utility.h"
#include "script_rewrite.h"
#include "tcop/utility.h"

static ProcessUtility_hook_type previous_hook = NULL;

static void process_utility(UTILITY_PARAMS);

void
install_utility_hook(void)
{
	previous_hook = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}

/* To whoever was here before us, and to PostgreSQL in the end */
void
chain_utility(UTILITY_PARAMS)
{
	if (previous_hook)
		previous_hook(UTILITY_ARGS);
	else
		standard_ProcessUtility(UTILITY_ARGS);
}

static void
process_utility(UTILITY_PARAMS)
{
	switch (nodeTag(pstmt->utilityStmt))
	{
		case T_CreateExtensionStmt:
			create_extension(UTILITY_ARGS);
			return;
		case T_AlterExtensionStmt:
			update_extension(UTILITY_ARGS);
			return;
		case T_AlterExtensionContentsStmt:
		case T_AlterObjectSchemaStmt:
		case T_AlterObjectDependsStmt:
		case T_CommentStmt:
			pstmt = with_short_names(pstmt, queryString);
			break;
		case T_DropStmt:
			pstmt = with_short_names(pstmt, queryString);
			warn_of_lost_record(pstmt->utilityStmt);
			break;
		case T_CreateFunctionStmt:
			pstmt = rewrite_script_statement(pstmt);
			break;
		case T_LoadStmt:
			pstmt = rewrite_script_statement(pstmt);
			if (superuser())
				need_library(((LoadStmt *) pstmt->utilityStmt)->filename);
			break;
		default:
			break;
	}
	chain_utility(UTILITY_ARGS);
}
