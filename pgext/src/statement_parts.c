/*
 * statement_parts.c
 *		What CREATE and ALTER EXTENSION ask for, checked.
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "names.h"
#include "nodes/parsenodes.h"
#include "record.h"
#include "statement_name.h"
#include "statement_parts.h"

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

/*
 * The name in the statement, short or full, whole and by the grammar.
 */
char *
checked_extension_name(const PlannedStmt *pstmt, const char *query_string)
{
	char	   *name = whole_extension_name(pstmt, query_string);

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("could not read the whole name of the extension from the statement"),
				 errdetail("PostgreSQL's parser cuts names at %d bytes, and the rest may name another extension.",
						   NAMEDATALEN - 1),
				 errhint("Write the name in plain double quotes, without U&, in a statement sent as text.")));
	if (is_full_name(name))
		check_full_name(name);
	return name;
}

/*
 * Whether the database has the extension already: true sends the statement to
 * PostgreSQL for its own error or notice. IF NOT EXISTS must not pass one
 * provider's extension off as another's.
 */
bool
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

/* The value of VERSION or TO, by the grammar; NULL without */
const char *
checked_version(const List *options)
{
	const char *version = NULL;
	const char *fault;
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, "new_version") == 0)
			version = defGetString(option);
	}
	fault = version ? version_fault(version, strlen(version)) : NULL;
	if (fault)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid extension version: \"%s\"", version),
				 errdetail("%s", fault)));
	return version;
}
