/*
 * script_rewrite.c
 *		Modules in the scripts of extensions that are being created by us.
 *
 * Scripts are never edited: their bytes stay those that were signed. But they
 * name modules as they please ("$libdir/prefix", "prefix", "prefix.so"), and
 * dynamic_library_path has ours under names that are unique by provider. So
 * the names are replaced in the parse trees of CREATE FUNCTION and LOAD, which
 * also reaches what a DO block of the script executes.
 */
#include "postgres.h"

#include "commands/defrem.h"
#include "commands/extension.h"
#include "compat.h"
#include "module_path.h"
#include "nodes/parsenodes.h"
#include "script_rewrite.h"

const CreateResult *current_result = NULL;

/* "$libdir/prefix.so" is prefix */
static char *
bare_module_name(const char *file)
{
	static const char prefix[] = "$libdir/";
	size_t		suffix = strlen(DLSUFFIX);
	size_t		n;

	if (strncmp(file, prefix, strlen(prefix)) == 0)
		file += strlen(prefix);
	n = strlen(file);
	if (n > suffix && strcmp(file + n - suffix, DLSUFFIX) == 0)
		n -= suffix;
	return pnstrdup(file, n);
}

/* As its author names it, or as MODULE_PATHNAME has named it already */
static const char *
find_module(const ResultExtension *extension, const char *module)
{
	ListCell   *lc;

	foreach(lc, extension->modules)
	{
		ModuleLink *link = lfirst(lc);

		if (strcmp(link->module, module) == 0 ||
			strcmp(link->library, module) == 0)
			return link->library;
	}
	return NULL;
}

/*
 * What a script's module is called on dynamic_library_path: one of its own
 * extension's, else one that another extension of the result brings. NULL if
 * it is nobody's, that is to say PostgreSQL's, or the script is not ours.
 */
static const char *
library_for(const char *file)
{
	char	   *module = bare_module_name(file);
	char	   *creating = get_extension_name(CurrentExtensionObject);
	const ResultExtension *owner = NULL;
	const char *library = NULL;
	ListCell   *lc;

	foreach(lc, current_result->extensions)
	{
		ResultExtension *extension = lfirst(lc);

		if (creating && strcmp(extension->name, creating) == 0)
			owner = extension;
	}
	if (owner == NULL)
		return NULL;
	library = find_module(owner, module);
	foreach(lc, current_result->extensions)
	{
		if (library == NULL)
			library = find_module(lfirst(lc), module);
	}
	return library;
}

static DefElem *
find_defelem(const List *options, const char *name)
{
	ListCell   *lc;

	foreach(lc, options)
	{
		DefElem    *option = lfirst_node(DefElem, lc);

		if (strcmp(option->defname, name) == 0)
			return option;
	}
	return NULL;
}

/* AS 'file' or AS 'file', 'symbol' of a function in language c; else NULL */
static List *
module_clause(const CreateFunctionStmt *stmt)
{
	DefElem    *language = find_defelem(stmt->options, "language");
	DefElem    *as = find_defelem(stmt->options, "as");

	if (language == NULL || as == NULL ||
		strcmp(defGetString(language), "c") != 0)
		return NIL;
	return castNode(List, as->arg);
}

/* AS 'file', 'symbol', or the function's own name */
static const char *
symbol_of(const CreateFunctionStmt *stmt, const List *clause)
{
	return list_length(clause) > 1 ? strVal(lsecond(clause)) :
		strVal(llast(stmt->funcname));
}

/* The statement itself, or a copy with the module's unique name */
PlannedStmt *
rewrite_script_statement(PlannedStmt *pstmt)
{
	Node	   *stmt = pstmt->utilityStmt;
	const char *library;

	if (current_result == NULL || !creating_extension)
		return pstmt;

	if (IsA(stmt, LoadStmt))
	{
		library = library_for(((LoadStmt *) stmt)->filename);
		if (library)
		{
			pstmt = copyObject(pstmt);
			((LoadStmt *) pstmt->utilityStmt)->filename = pstrdup(library);
		}
	}
	else
	{
		List	   *clause = module_clause((CreateFunctionStmt *) stmt);

		library = clause ? library_for(strVal(linitial(clause))) : NULL;
		if (library)
			require_current_module(library,
								   symbol_of((CreateFunctionStmt *) stmt,
											 clause));
		if (library && strcmp(library, strVal(linitial(clause))) != 0)
		{
			pstmt = copyObject(pstmt);
			clause = module_clause((CreateFunctionStmt *) pstmt->utilityStmt);
			linitial(clause) = makeString(pstrdup(library));
		}
	}
	return pstmt;
}
