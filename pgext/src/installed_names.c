/*
 * installed_names.c
 *		Full names in statements about extensions that are installed.
 *
 * PostgreSQL knows these by their short names. Where a statement has full ones
 * a copy of it, with the short, is handed on: the statement itself may stand
 * in a cached plan. A full name that is not the installed provider's is an
 * error, IF EXISTS or not: whoever writes it means that one and no other.
 */
#include "postgres.h"

#include "catalog/objectaddress.h"
#include "miscadmin.h"
#include "names.h"
#include "process_utility.h"
#include "record.h"
#include "statement_name.h"
#include "statement_parts.h"
#include "storage/lmgr.h"

static bool
has_full_name(const List *names)
{
	ListCell   *lc;

	foreach(lc, names)
	{
		if (is_full_name(lfirst(lc)))
			return true;
	}
	return false;
}

/* The lock that PostgreSQL itself takes on the extension, or a weaker one */
static LOCKMODE
lock_mode(Node *stmt)
{
	switch (nodeTag(stmt))
	{
		case T_DropStmt:
		case T_AlterObjectDependsStmt:
			return AccessExclusiveLock;
		case T_CommentStmt:
			return ShareUpdateExclusiveLock;
		default:
			return AccessShareLock;
	}
}

/*
 * Between our look at the record and PostgreSQL's at the name, nobody may put
 * another provider's extension in the place of this one. All are locked in the
 * order of the statement, as PostgreSQL does, so that two sessions never wait
 * for one another.
 */
static void
lock_extensions(const List *names, LOCKMODE mode)
{
	ListCell   *lc;

	foreach(lc, names)
	{
		char	   *short_name = pstrdup(short_name_of(lfirst(lc)));
		Relation	none = NULL;

		(void) get_object_address(OBJECT_EXTENSION,
								  (Node *) makeString(short_name),
								  &none, mode, true);
	}
}

/*
 * The statement itself, or a copy in which every full name of an installed
 * extension is short. A name that is not installed stays as it was written,
 * for PostgreSQL's own error or notice.
 */
PlannedStmt *
with_short_names(PlannedStmt *pstmt, const char *query_string)
{
	const char *command;
	List	   *names;
	List	   *installed;
	ListCell   *place;
	ListCell   *name;

	if (extension_name_places(pstmt->utilityStmt) == NIL)
		return pstmt;
	names = checked_extension_names(pstmt, query_string);
	if (!has_full_name(names))
		return pstmt;

	command = CreateCommandName(pstmt->utilityStmt);
	PreventCommandIfReadOnly(command);
	PreventCommandIfParallelMode(command);
	PreventCommandDuringRecovery(command);
	lock_extensions(names, lock_mode(pstmt->utilityStmt));
	installed = installed_extensions();

	pstmt = copyObject(pstmt);
	forboth(place, extension_name_places(pstmt->utilityStmt), name, names)
	{
		const char *full_name = lfirst(name);
		const char *short_name = short_name_of(full_name);
		const InstalledExtension *present = find_installed(installed, short_name);

		if (!is_full_name(full_name))
			continue;
		if (present)
			check_provider(full_name, present,
						   "Write the name of the one that is installed, or its short name.");
		*(char **) lfirst(place) = pstrdup(present ? short_name : full_name);
	}
	return pstmt;
}
