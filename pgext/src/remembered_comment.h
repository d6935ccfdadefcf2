/*
 * remembered_comment.h
 *		The comment on schema pginstall, as text.
 */
#ifndef PGINSTALL_REMEMBERED_COMMENT_H
#define PGINSTALL_REMEMBERED_COMMENT_H

#include "lib/stringinfo.h"
#include "nodes/pg_list.h"

/* role is NULL unless the choice is one role's own */
typedef struct RememberedChoice
{
	const char *full_name;
	const char *version;		/* of the archive */
	const char *sql_version;
	const char *role;
} RememberedChoice;

extern List *parse_comment(const char *comment);
extern void begin_comment(StringInfo text);
extern void append_line(StringInfo text, const char *full_name,
						const char *version, const char *sql_version,
						const char *role);

#endif							/* PGINSTALL_REMEMBERED_COMMENT_H */
