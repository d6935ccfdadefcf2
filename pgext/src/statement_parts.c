/*
 * statement_parts.c
 *		What a statement says of extensions, checked.
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

/* The names in the statement, short or full, whole and by the grammar */
List *
checked_extension_names(const PlannedStmt *pstmt, const char *query_string)
{
	List	   *names = whole_extension_names(pstmt, query_string);
	ListCell   *lc;

	if (names == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("could not read the whole name of the extension from the statement"),
				 errdetail("PostgreSQL's parser cuts names at %d bytes, and the rest may name another extension.",
						   NAMEDATALEN - 1),
				 errhint("Run the statement by itself, without the module that has handed it on.")));
	foreach(lc, names)
	{
		if (is_full_name(lfirst(lc)))
			check_full_name(lfirst(lc));
	}
	return names;
}

/* Of a statement that has one */
char *
checked_extension_name(const PlannedStmt *pstmt, const char *query_string)
{
	return linitial(checked_extension_names(pstmt, query_string));
}

/* One provider's extension must not be taken for another's */
void
check_provider(const char *full_name, const InstalledExtension *present,
			   const char *hint)
{
	if (present->full_name && strcmp(present->full_name, full_name) == 0)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_DUPLICATE_OBJECT),
			 errmsg("extension \"%s\" is installed from another provider",
					present->name),
			 present->full_name ?
			 errdetail("\"%s\" is installed, not \"%s\".",
					   present->full_name, full_name) :
			 errdetail("It did not come through pginstall, so it is not known to be \"%s\".",
					   full_name),
			 errhint("%s", hint)));
}

/*
 * Whether the database has the extension already: true sends the statement to
 * PostgreSQL for its own error or notice.
 */
bool
is_installed(const char *name, const List *installed)
{
	const InstalledExtension *present = find_installed(installed,
													   short_name_of(name));

	if (present && is_full_name(name))
		check_provider(name, present,
					   "Drop the extension first to change its provider.");
	return present != NULL;
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
