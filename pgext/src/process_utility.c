/*
 * process_utility.c
 *		CREATE EXTENSION of what PostgreSQL itself does not have.
 *
 *	statement				what is done about it
 *	---------				---------------------
 *	CREATE EXTENSION		asked of the sidecar, unless it is PostgreSQL's own
 *							business; then run with the sidecar's control files
 *	CREATE FUNCTION, LOAD	in a script of ours: the module's unique name
 *	all others				nothing
 *
 * Everything that can be refused is refused before a byte leaves for the
 * sidecar, and PostgreSQL's own checks follow all the same.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "commands/dbcommands.h"
#include "commands/defrem.h"
#include "commands/extension.h"
#include "compat.h"
#include "extension_root.h"
#include "miscadmin.h"
#include "module_path.h"
#include "names.h"
#include "nodes/parsenodes.h"
#include "process_utility.h"
#include "record.h"
#include "request.h"
#include "script_rewrite.h"
#include "sidecar_client.h"
#include "statement_name.h"
#include "tcop/utility.h"
#include "utils/builtins.h"

/* What the hook is called with, besides the statement */
typedef struct UtilityCall
{
	const char *query_string;
	bool		read_only_tree;
	ProcessUtilityContext context;
	ParamListInfo params;
	QueryEnvironment *query_env;
	DestReceiver *dest;
	QueryCompletion *completion;
} UtilityCall;

/* What is asked for, as the statement says it */
typedef struct WantedExtension
{
	const char *name;			/* short or full */
	const char *short_name;
	const char *version;		/* NULL without VERSION */
	bool		cascade;
} WantedExtension;

static ProcessUtility_hook_type prev_ProcessUtility = NULL;

static void pginstall_ProcessUtility(PlannedStmt *pstmt,
									 const char *query_string,
									 UTILITY_READ_ONLY_PARAMS
									 ProcessUtilityContext context,
									 ParamListInfo params,
									 QueryEnvironment *query_env,
									 DestReceiver *dest,
									 QueryCompletion *completion);

void
install_process_utility_hook(void)
{
	prev_ProcessUtility = ProcessUtility_hook;
	ProcessUtility_hook = pginstall_ProcessUtility;
}

static void
run_statement(PlannedStmt *pstmt, const UtilityCall *call)
{
#if PG_VERSION_NUM >= 140000
	bool		readOnlyTree = call->read_only_tree;
#endif

	(prev_ProcessUtility ? prev_ProcessUtility : standard_ProcessUtility)
		(pstmt, call->query_string, UTILITY_READ_ONLY_ARGS call->context,
		 call->params, call->query_env, call->dest, call->completion);
}

/* A copy that asks for the extension by its short name */
static PlannedStmt *
with_short_name(PlannedStmt *pstmt, const char *short_name)
{
	PlannedStmt *copy = copyObject(pstmt);

	castNode(CreateExtensionStmt, copy->utilityStmt)->extname =
		pstrdup(short_name);
	return copy;
}

/* Where PostgreSQL refuses the statement, or we must keep out of its way */
static bool
is_out_of_place(void)
{
	return IsBinaryUpgrade || creating_extension || XactReadOnly ||
		IsInParallelMode() || RecoveryInProgress();
}

static const char *
wanted_name(const PlannedStmt *pstmt, const UtilityCall *call)
{
	const char *name = whole_extension_name(pstmt, call->query_string);
	const char *fault;

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("could not read the whole name of the extension"),
				 errdetail("PostgreSQL cuts identifiers at %d bytes, and the statement's text does not tell the rest.",
						   NAMEDATALEN - 1),
				 errhint("Write the name between double quotes, without U& and its escapes.")));
	if (!is_full_name(name))
		return name;

	if (strlen(name) > MAX_FULL_NAME_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("extension full name has more than %d bytes",
						MAX_FULL_NAME_BYTES),
				 errdetail("\"%s\" has %zu bytes.", name, strlen(name)),
				 errhint("Use the extension's short name, with pginstall.prefer where that is ambiguous.")));
	fault = full_name_fault(name, strlen(name));
	if (fault)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid extension full name: \"%s\"", name),
				 errdetail("%s", fault),
				 errhint("A full name is a URI without scheme, query and fragment, such as github.com/dim/prefix.")));
	return name;
}

/*
 * Whether PostgreSQL alone has to do with the statement: what it has itself,
 * what the database has already, and what cannot be a name.
 */
static bool
is_postgres_matter(const WantedExtension *wanted)
{
	if (is_full_name(wanted->name))
		return false;
	return short_name_fault(wanted->name, strlen(wanted->name)) != NULL ||
		OidIsValid(get_extension_oid(wanted->name, true)) ||
		postgres_has_extension(wanted->name);
}

/*
 * Whether the very provider that is asked for is installed already. Another
 * one is an error, with IF NOT EXISTS too: the user named what is wanted.
 */
static bool
is_installed(const WantedExtension *wanted, const List *installed)
{
	const InstalledExtension *found = find_installed(installed,
													 wanted->short_name);

	if (found == NULL)
		return false;
	if (found->full_name && strcmp(found->full_name, wanted->name) == 0)
		return true;
	ereport(ERROR,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 errmsg("extension \"%s\" is installed from another provider than \"%s\"",
					wanted->short_name, wanted->name),
			 found->full_name ?
			 errdetail("Installed is \"%s\".", found->full_name) :
			 errdetail("It was not installed through pginstall."),
			 errhint("A database has one provider of a short name. Drop the extension first, or use another database.")));
	return false;				/* keep compiler quiet */
}

static void
read_options(const CreateExtensionStmt *stmt, WantedExtension *wanted)
{
	ListCell   *lc;
	const char *fault;

	wanted->version = NULL;
	wanted->cascade = false;
	foreach(lc, stmt->options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "new_version") == 0)
			wanted->version = defGetString(option);
		else if (strcmp(option->defname, "cascade") == 0)
			wanted->cascade = defGetBoolean(option);
	}

	fault = wanted->version ?
		version_fault(wanted->version, strlen(wanted->version)) : NULL;
	if (fault)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid extension version: \"%s\"", wanted->version),
				 errdetail("%s", fault)));
}

/* PostgreSQL's own right; what policy grants is the sidecar's to say */
static void
check_rights(void)
{
	AclResult	result = superuser() ? ACLCHECK_OK :
		database_aclcheck(MyDatabaseId, GetUserId(), ACL_CREATE);

	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_DATABASE,
					   get_database_name(MyDatabaseId));
}

/* What the sidecar has placed, and where its control files are */
static CreateResult *
ask_for_extension(const WantedExtension *wanted, const List *installed,
				  char **root)
{
	char	   *request = create_extension_request(wanted->name,
												   wanted->version,
												   wanted->cascade, installed);
	uid_t		sidecar;
	Answer	   *answer = ask_sidecar(request, REQUEST_CREATE_EXTENSION,
									 &sidecar);
	CreateResult *result = answer->created;
	ResultExtension *first = linitial(result->extensions);

	if (strcmp(is_full_name(wanted->name) ? first->full_name : first->name,
			   wanted->name) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_SYSTEM_ERROR),
				 errmsg("the pginstall sidecar does not answer as the protocol says"),
				 errdetail("Extension \"%s\" was asked for, it answers with \"%s\".",
						   wanted->name, first->full_name)));
	check_modules_found(result);
	*root = checked_extension_root(result, sidecar);
	return result;
}

/* Runs the statement while PostgreSQL sees the extension root */
static void
run_in_root(PlannedStmt *pstmt, const UtilityCall *call,
			const CreateResult *result, const char *root)
{
	const CreateResult *outer = current_result;
	ExtensionRoot saved;

	enter_extension_root(&saved, root);
	PG_TRY();
	{
		current_result = result;
		run_statement(pstmt, call);
	}
	PG_CATCH();
	{
		current_result = outer;
		leave_extension_root(&saved, false);
		PG_RE_THROW();
	}
	PG_END_TRY();
	current_result = outer;
	leave_extension_root(&saved, true);
}

/* One row for each extension that the statement has made */
static void
record_created(const CreateResult *result, const List *installed)
{
	ListCell   *lc;

	CommandCounterIncrement();
	forget_dropped();
	foreach(lc, result->extensions)
	{
		const ResultExtension *extension = lfirst(lc);

		if (find_installed(installed, extension->name) == NULL &&
			OidIsValid(get_extension_oid(extension->name, true)))
			write_record(extension);
	}
}

static void
create_extension(PlannedStmt *pstmt, const UtilityCall *call)
{
	CreateExtensionStmt *stmt = castNode(CreateExtensionStmt,
										 pstmt->utilityStmt);
	WantedExtension wanted;
	CreateResult *result;
	List	   *installed;
	char	   *root;

	if (is_out_of_place())
	{
		run_statement(pstmt, call);
		return;
	}
	wanted.name = wanted_name(pstmt, call);
	wanted.short_name = is_full_name(wanted.name) ?
		short_name_of(wanted.name) : wanted.name;
	if (is_postgres_matter(&wanted))
	{
		run_statement(pstmt, call);
		return;
	}
	installed = installed_extensions();
	if (is_installed(&wanted, installed))
	{
		/* PostgreSQL's own error, or notice with IF NOT EXISTS */
		run_statement(with_short_name(pstmt, wanted.short_name), call);
		return;
	}

	read_options(stmt, &wanted);
	check_rights();
	result = ask_for_extension(&wanted, installed, &root);
	require_record();
	run_in_root(with_short_name(pstmt, wanted.short_name), call, result, root);
	record_created(result, installed);
}

static void
pginstall_ProcessUtility(PlannedStmt *pstmt, const char *query_string,
						 UTILITY_READ_ONLY_PARAMS
						 ProcessUtilityContext context, ParamListInfo params,
						 QueryEnvironment *query_env, DestReceiver *dest,
						 QueryCompletion *completion)
{
	UtilityCall call = {
		.query_string = query_string,
#if PG_VERSION_NUM >= 140000
		.read_only_tree = readOnlyTree,
#endif
		.context = context,
		.params = params,
		.query_env = query_env,
		.dest = dest,
		.completion = completion
	};

	switch (nodeTag(pstmt->utilityStmt))
	{
		case T_CreateExtensionStmt:
			create_extension(pstmt, &call);
			break;
		case T_CreateFunctionStmt:
		case T_LoadStmt:
			run_statement(rewrite_script_statement(pstmt), &call);
			break;
		default:
			run_statement(pstmt, &call);
			break;
	}
}
