/*
 * create_extension.c
 *		CREATE EXTENSION of what PostgreSQL itself does not have.
 *
 * The sidecar is asked for it, and when it has put the files in their place
 * the statement is handed on with the short name. Everything that can be
 * refused is refused before the sidecar is asked: it may download for minutes.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "extension_root.h"
#include "miscadmin.h"
#include "names.h"
#include "process_utility.h"
#include "record.h"
#include "remembered.h"
#include "remembered_request.h"
#include "request.h"
#include "sidecar_answer.h"
#include "statement_parts.h"
#include "tcop/utility.h"
#include "utils/acl.h"

/* What the database has chosen comes before what PostgreSQL has */
static bool
is_remembered(const char *short_name)
{
	return !OidIsValid(get_extension_oid(short_name, true)) &&
		remembered_choice(short_name) != NULL;
}

/* Installed, at hand or not a name at all: PostgreSQL needs no help from us */
static bool
is_postgres_matter(const char *short_name)
{
	return short_name_fault(short_name, strlen(short_name)) != NULL ||
		OidIsValid(get_extension_oid(short_name, true)) ||
		postgres_has_extension(short_name);
}

/*
 * The name to ask the sidecar for; NULL if the statement is PostgreSQL's own
 * matter.
 */
static char *
name_to_ask_for(const PlannedStmt *pstmt, const char *query_string)
{
	char	   *name;

	/* pg_upgrade and scripts have their own ideas of what is there */
	if (IsBinaryUpgrade || creating_extension)
		return NULL;
	name = checked_extension_name(pstmt, query_string);
	return is_full_name(name) || is_remembered(name) ||
		!is_postgres_matter(name) ? name : NULL;
}

static void
check_rights(void)
{
	if (!superuser() &&
		database_aclcheck(MyDatabaseId, GetUserId(), ACL_CREATE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_DATABASE,
					   get_database_name(MyDatabaseId));
}

static bool
has_cascade(const List *options)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "cascade") == 0)
			return defGetBoolean(option);
	}
	return false;
}

static List *
not_yet_installed(const List *extensions)
{
	List	   *missing = NIL;
	ListCell   *lc;

	foreach(lc, extensions)
	{
		ResultExtension *extension = lfirst(lc);

		if (!OidIsValid(get_extension_oid(extension->name, true)))
			missing = lappend(missing, extension);
	}
	return missing;
}

/* Without CASCADE, not all of the missing are there afterwards */
static void
record_created(const List *missing)
{
	ListCell   *lc;

	CommandCounterIncrement();
	foreach(lc, missing)
	{
		ResultExtension *extension = lfirst(lc);

		if (OidIsValid(get_extension_oid(extension->name, true)))
			write_record(extension);
	}
}

/*
 * Asks for what the statement names or, if it names no more than a short name,
 * for what the database remembers of that. NULL if PostgreSQL itself has what
 * is left to be created.
 */
static CreateResult *
ask_by_name(const char *name, CreateExtensionStmt *stmt, const List *installed,
			char **root)
{
	const char *version = checked_version(stmt->options);
	bool		cascade = has_cascade(stmt->options);
	const RememberedChoice *choice = is_full_name(name) ? NULL :
		remembered_choice(name);

	if (choice && version)
		name = choice->full_name;
	else if (choice)
	{
		CreateResult *result = ask_for_choice(choice, stmt, cascade, installed,
											  root);

		if (result || postgres_has_extension(name))
			return result;
	}
	return ask_for_extension(create_extension_request(name, version, cascade,
													  installed),
							 name, version, root);
}

void
create_extension(UTILITY_PARAMS)
{
	char	   *name = name_to_ask_for(pstmt, queryString);
	CreateExtensionStmt *stmt;
	List	   *installed;
	CreateResult *result;
	List	   *missing;
	char	   *root;

	if (name == NULL)
	{
		chain_utility(UTILITY_ARGS);
		return;
	}
	PreventCommandIfReadOnly("CREATE EXTENSION");
	PreventCommandIfParallelMode("CREATE EXTENSION");
	PreventCommandDuringRecovery("CREATE EXTENSION");

	/* the statement may stand in a cached plan: only a copy is changed */
	pstmt = copyObject(pstmt);
	stmt = castNode(CreateExtensionStmt, pstmt->utilityStmt);
	stmt->extname = pstrdup(short_name_of(name));

	installed = installed_extensions();
	if (is_installed(name, installed))
	{
		chain_utility(UTILITY_ARGS);
		return;
	}
	check_rights();
	result = ask_by_name(name, stmt, installed, &root);

	/* others may have been faster while we waited */
	if (result == NULL ||
		(OidIsValid(get_extension_oid(stmt->extname, true)) &&
		 is_installed(name, installed_extensions())))
	{
		chain_utility(UTILITY_ARGS);
		return;
	}
	require_record();
	missing = not_yet_installed(result->extensions);
	chain_in_root(result, root, UTILITY_ARGS);
	record_created(missing);
}
