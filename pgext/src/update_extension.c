/*
 * update_extension.c
 *		ALTER EXTENSION UPDATE of what came through us.
 *
 * The record says which provider that is: its newest version is fetched, or
 * the one after TO, and PostgreSQL finds the path to it among that version's
 * scripts. What did not come through us is PostgreSQL's own matter.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "names.h"
#include "process_utility.h"
#include "record.h"
#include "request.h"
#include "sidecar_answer.h"
#include "statement_parts.h"
#include "tcop/utility.h"
#include "utils/acl.h"

/* PostgreSQL's own right; what policy grants is the sidecar's to say */
static void
check_owner(const char *short_name)
{
	Oid			extension = get_extension_oid(short_name, false);

	if (!extension_ownercheck(extension, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_EXTENSION, short_name);
}

void
update_extension(UTILITY_PARAMS)
{
	char	   *name;
	AlterExtensionStmt *stmt;
	const char *version;
	List	   *installed;
	const InstalledExtension *present;
	CreateResult *result;
	char	   *root;

	if (IsBinaryUpgrade || creating_extension)
	{
		chain_utility(UTILITY_ARGS);
		return;
	}
	name = checked_extension_name(pstmt, queryString);

	installed = installed_extensions();
	present = find_installed(installed, short_name_of(name));

	/* the statement may stand in a cached plan: only a copy is changed */
	pstmt = copyObject(pstmt);
	stmt = castNode(AlterExtensionStmt, pstmt->utilityStmt);
	if (is_full_name(name))
		stmt->extname = pstrdup(present ? present->name : name);
	if (!is_installed(name, installed) || present->full_name == NULL)
	{
		chain_utility(UTILITY_ARGS);
		return;
	}
	PreventCommandIfReadOnly("ALTER EXTENSION");
	PreventCommandIfParallelMode("ALTER EXTENSION");
	PreventCommandDuringRecovery("ALTER EXTENSION");
	check_owner(stmt->extname);
	version = checked_version(stmt->options);

	result = ask_for_extension(update_extension_request(present, version,
														installed),
							   present->full_name, version, &root);
	require_record();
	chain_in_root(result, root, UTILITY_ARGS);
	CommandCounterIncrement();
	write_record(linitial(result->extensions));
}
