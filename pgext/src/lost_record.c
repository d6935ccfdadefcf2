/*
 * lost_record.c
 *		The warning that DROP EXTENSION pginstall forgets what came from where.
 *
 * What came through us goes on working without the record, so nobody would
 * notice before the next update, which finds that it knows no provider.
 */
#include "postgres.h"

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "process_utility.h"
#include "record.h"
#include "statement_name.h"

#define MAX_NAMES_SHOWN 10

static bool
drops_extension(Node *stmt, const char *name)
{
	ListCell   *lc;

	foreach(lc, extension_name_places(stmt))
	{
		if (strcmp(*(char **) lfirst(lc), name) == 0)
			return true;
	}
	return false;
}

/* Never an error of ours: whoever drops us may have every reason to */
void
warn_of_lost_record(Node *stmt)
{
	StringInfoData names;
	ListCell   *lc;
	int			count = 0;

	if (castNode(DropStmt, stmt)->removeType != OBJECT_EXTENSION ||
		IsBinaryUpgrade || !drops_extension(stmt, OUR_EXTENSION))
		return;

	initStringInfo(&names);
	foreach(lc, installed_extensions_unless_locked())
	{
		const InstalledExtension *extension = lfirst(lc);

		if (extension->full_name == NULL ||
			drops_extension(stmt, extension->name))
			continue;
		if (count++ < MAX_NAMES_SHOWN)
			appendStringInfo(&names, "%s\"%s\"", count > 1 ? ", " : "",
							 extension->full_name);
	}
	if (count > MAX_NAMES_SHOWN)
		appendStringInfo(&names, " and %d more", count - MAX_NAMES_SHOWN);
	if (count > 0)
		ereport(WARNING,
				(errcode(ERRCODE_WARNING),
				 errmsg("dropping extension \"%s\" forgets which provider extensions came from",
						OUR_EXTENSION),
				 errdetail("These stay and go on working, but will not be updated: %s.",
						   names.data),
				 errhint("Roll back, or drop and create each of them anew by its full name to have updates again.")));
}
