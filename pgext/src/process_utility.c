/*
 * process_utility.c
 *		The statements that we take part in.
 *
 * CREATE EXTENSION of something PostgreSQL itself does not have, or by a full
 * name: the sidecar is asked for it, and when it has put the files in their
 * place the statement is handed on with the short name. Everything that can be
 * refused is refused before the sidecar is asked: it may download for minutes.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "compat.h"
#include "extension_root.h"
#include "miscadmin.h"
#include "module_path.h"
#include "names.h"
#include "process_utility.h"
#include "record.h"
#include "request.h"
#include "script_rewrite.h"
#include "sidecar_client.h"
#include "statement_name.h"
#include "tcop/utility.h"
#include "utils/acl.h"

static ProcessUtility_hook_type previous_hook = NULL;

static void process_utility(UTILITY_PARAMS);
static void create_extension(UTILITY_PARAMS);

void
install_utility_hook(void)
{
	previous_hook = ProcessUtility_hook;
	ProcessUtility_hook = process_utility;
}

static void
chain(UTILITY_PARAMS)
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
		case T_CreateFunctionStmt:
		case T_LoadStmt:
			pstmt = rewrite_script_statement(pstmt);
			break;
		default:
			break;
	}
	chain(UTILITY_ARGS);
}

static void
check_full_name(const char *name)
{
	const char *fault = full_name_fault(name, strlen(name));

	if (strlen(name) > MAX_FULL_NAME_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("extension full name has more than %d bytes",
						MAX_FULL_NAME_BYTES),
				 errdetail("The name is \"%s\".", name)));
	if (fault)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid extension full name: \"%s\"", name),
				 errdetail("%s", fault),
				 errhint("A full name is a URI without scheme, query and fragment, such as github.com/dim/prefix.")));
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
 * The name to ask the sidecar for, short or full, whole; NULL if the statement
 * is PostgreSQL's own matter.
 */
static char *
name_to_ask_for(const PlannedStmt *pstmt, const char *query_string)
{
	char	   *name;

	/* pg_upgrade and scripts have their own ideas of what is there */
	if (IsBinaryUpgrade || creating_extension)
		return NULL;

	name = whole_extension_name(pstmt, query_string);
	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("could not read the whole name of the extension from the statement"),
				 errdetail("PostgreSQL's parser cuts names at %d bytes, and the rest may name another extension.",
						   NAMEDATALEN - 1),
				 errhint("Write the name in plain double quotes, without U&, in a statement sent as text.")));
	if (is_full_name(name))
		check_full_name(name);
	else if (is_postgres_matter(name))
		return NULL;
	return name;
}

/*
 * Whether the database has the extension already: true sends the statement to
 * PostgreSQL for its own error or notice. IF NOT EXISTS must not pass one
 * provider's extension off as another's.
 */
static bool
is_installed(const char *name, const List *installed)
{
	const char *short_name = short_name_of(name);
	const InstalledExtension *present = find_installed(installed, short_name);

	if (present == NULL)
		return false;
	if (is_full_name(name) &&
		(present->full_name == NULL || strcmp(present->full_name, name) != 0))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("extension \"%s\" is installed from another provider",
						short_name),
				 present->full_name ?
				 errdetail("\"%s\" is installed, not \"%s\".",
						   present->full_name, name) :
				 errdetail("It did not come through pginstall, so it is not known to be \"%s\".",
						   name),
				 errhint("Drop the extension first to change its provider.")));
	return true;
}

static void
check_rights(void)
{
	if (!superuser() &&
		database_aclcheck(MyDatabaseId, GetUserId(), ACL_CREATE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_DATABASE,
					   get_database_name(MyDatabaseId));
}

static void
read_options(const CreateExtensionStmt *stmt, const char **version,
			 bool *cascade)
{
	ListCell   *lc;
	const char *fault;

	*version = NULL;
	*cascade = false;
	foreach(lc, stmt->options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "new_version") == 0)
			*version = defGetString(option);
		else if (strcmp(option->defname, "cascade") == 0)
			*cascade = defGetBoolean(option);
	}
	fault = *version ? version_fault(*version, strlen(*version)) : NULL;
	if (fault)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid extension version: \"%s\"", *version),
				 errdetail("%s", fault)));
}

/* The sidecar must answer what it was asked for */
static void
check_result_fits(const CreateResult *result, const char *name,
				  const char *version)
{
	const ResultExtension *first = linitial(result->extensions);
	const char *answered = is_full_name(name) ? first->full_name : first->name;

	if (strcmp(answered, name) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_SYSTEM_ERROR),
				 errmsg("the pginstall sidecar answered for another extension"),
				 errdetail("It was asked for \"%s\" and answered \"%s\".",
						   name, answered)));
	if (version && strcmp(first->version, version) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_SYSTEM_ERROR),
				 errmsg("the pginstall sidecar answered for another version"),
				 errdetail("It was asked for version \"%s\" of \"%s\" and answered \"%s\".",
						   version, name, first->version)));
}

/* Hands the statement on while PostgreSQL finds what the sidecar has placed */
static void
chain_in_root(const CreateResult *result, const char *root, UTILITY_PARAMS)
{
	const CreateResult *outer = current_result;
	volatile bool completed = false;
	ExtensionRoot saved;

	enter_extension_root(&saved, root);
	current_result = result;
	PG_TRY();
	{
		chain(UTILITY_ARGS);
		completed = true;
	}
	PG_FINALLY();
	{
		current_result = outer;
		leave_extension_root(&saved, completed);
	}
	PG_END_TRY();
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
	forget_dropped();
	foreach(lc, missing)
	{
		ResultExtension *extension = lfirst(lc);

		if (OidIsValid(get_extension_oid(extension->name, true)))
			write_record(extension);
	}
}

static void
create_extension(UTILITY_PARAMS)
{
	char	   *name = name_to_ask_for(pstmt, queryString);
	CreateExtensionStmt *stmt;
	const char *version;
	bool		cascade;
	List	   *installed;
	Answer	   *answer;
	List	   *missing;
	char	   *root;
	uid_t		sidecar;

	if (name == NULL)
	{
		chain(UTILITY_ARGS);
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
		chain(UTILITY_ARGS);
		return;
	}
	check_rights();
	read_options(stmt, &version, &cascade);

	answer = ask_sidecar(create_extension_request(name, version, cascade,
												  installed),
						 REQUEST_CREATE_EXTENSION, &sidecar);
	check_result_fits(answer->created, name, version);
	check_modules_found(answer->created);
	root = checked_extension_root(answer->created, sidecar);

	/* others may have been faster while we waited */
	if (is_installed(name, installed_extensions()))
	{
		chain(UTILITY_ARGS);
		return;
	}
	require_record();
	missing = not_yet_installed(answer->created->extensions);
	chain_in_root(answer->created, root, UTILITY_ARGS);
	record_created(missing);
}
