/*
 * remembered_comment.c
 *		The comment on schema pginstall, as text.
 *
 * A header, and a line for each choice:
 *
 *		FULL_NAME ARCHIVE_VERSION SQL_VERSION [ROLE]
 */
#include "postgres.h"

#include "names.h"
#include "remembered_comment.h"

static const char header[] = "what came through pginstall, read when a dump is restored; made by it, not to be edited";

/* NULL for a line that we have not written */
static RememberedChoice *
parse_line(char *line)
{
	RememberedChoice *choice = palloc(sizeof(RememberedChoice));

	choice->full_name = strsep(&line, " ");
	choice->version = strsep(&line, " ");
	choice->sql_version = strsep(&line, " ");
	choice->role = line;
	if (choice->version == NULL || choice->sql_version == NULL ||
		full_name_fault(choice->full_name, strlen(choice->full_name)) ||
		version_fault(choice->version, strlen(choice->version)) ||
		version_fault(choice->sql_version, strlen(choice->sql_version)))
		return NULL;
	return choice;
}

/* NIL for a comment that is not ours */
List *
parse_comment(const char *comment)
{
	List	   *choices = NIL;
	char	   *rest = comment ? pstrdup(comment) : NULL;
	char	   *line = strsep(&rest, "\n");

	if (line == NULL || strcmp(line, header) != 0)
		return NIL;
	while ((line = strsep(&rest, "\n")) != NULL)
	{
		RememberedChoice *choice = parse_line(line);

		if (choice)
			choices = lappend(choices, choice);
	}
	return choices;
}

/* What could not be read again is left out, and what would be read as two */
void
append_line(StringInfo text, const char *full_name, const char *version,
			const char *sql_version, const char *role)
{
	if (version_fault(sql_version, strlen(sql_version)) ||
		(role && strchr(role, '\n')))
		return;
	appendStringInfo(text, "\n%s %s %s", full_name, version, sql_version);
	if (role)
		appendStringInfo(text, " %s", role);
}

/* Without a line yet */
void
begin_comment(StringInfo text)
{
	initStringInfo(text);
	appendStringInfoString(text, header);
}
