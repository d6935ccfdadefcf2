/*
 * statement_name.c
 *		The extension's name in CREATE and ALTER EXTENSION, whole.
 *
 * PostgreSQL's parser cuts identifiers at 63 bytes before any hook sees them,
 * and a full name may have 150: a cut name is the name of somebody else's
 * extension. What was cut is read again from the text of the statement. The
 * core scanner is of no use there, it would cut again and warn a second time;
 * but between the first word and the name stand only keywords, white space and
 * comments.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "nodes/parsenodes.h"
#include "statement_name.h"

typedef struct Source
{
	const char *at;
	const char *end;
} Source;

/*
 * Whether the parser may have cut the name: where the next character did not
 * fit, up to a whole multibyte character is missing from the 63 bytes.
 */
bool
name_may_be_cut(const char *name)
{
	return strlen(name) + pg_database_encoding_max_length() > NAMEDATALEN - 1;
}

static bool
starts_with(const Source *source, const char *text)
{
	size_t		n = strlen(text);

	return (size_t) (source->end - source->at) >= n &&
		pg_strncasecmp(source->at, text, n) == 0;
}

static bool
is_identifier_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		(c >= '0' && c <= '9') || c == '_' || c == '$' || IS_HIGHBIT_SET(c);
}

/* Comments between slash and star nest in SQL */
static void
skip_block_comment(Source *source)
{
	int			depth = 0;

	do
	{
		if (starts_with(source, "/*"))
		{
			depth++;
			source->at += 2;
		}
		else if (starts_with(source, "*/"))
		{
			depth--;
			source->at += 2;
		}
		else
			source->at++;
	} while (depth > 0 && source->at < source->end);
}

static void
skip_blanks(Source *source)
{
	while (source->at < source->end)
	{
		if (strchr(" \t\n\r\f\v", *source->at))
			source->at++;
		else if (starts_with(source, "--"))
		{
			while (source->at < source->end &&
				   *source->at != '\n' && *source->at != '\r')
				source->at++;
		}
		else if (starts_with(source, "/*"))
			skip_block_comment(source);
		else
			break;
	}
}

static bool
take_keyword(Source *source, const char *keyword)
{
	Source		rest;

	skip_blanks(source);
	if (!starts_with(source, keyword))
		return false;
	rest.at = source->at + strlen(keyword);
	rest.end = source->end;
	if (rest.at < rest.end && is_identifier_char(*rest.at))
		return false;
	*source = rest;
	return true;
}

/* What stands between double quotes, a doubled one being one; NULL if unended */
static char *
read_quoted(Source *source)
{
	char	   *name = palloc(source->end - source->at);
	char	   *to = name;

	for (const char *c = source->at + 1; c < source->end; c++)
	{
		if (*c == '"' && (++c == source->end || *c != '"'))
		{
			*to = '\0';
			return name;
		}
		*to++ = *c;
	}
	return NULL;
}

static char *
read_plain(Source *source)
{
	const char *c = source->at;

	while (c < source->end && is_identifier_char(*c))
		c++;
	return pnstrdup(source->at, c - source->at);
}

/* The text of this statement alone; false if nobody knows where it stands */
static bool
find_source(const PlannedStmt *pstmt, const char *query_string, Source *source)
{
	size_t		length = query_string ? strlen(query_string) : 0;

	if (pstmt->stmt_location < 0 || (size_t) pstmt->stmt_location >= length)
		return false;
	source->at = query_string + pstmt->stmt_location;
	source->end = query_string + length;
	if (pstmt->stmt_len > 0 && pstmt->stmt_len < source->end - source->at)
		source->end = source->at + pstmt->stmt_len;
	return true;
}

/*
 * The name as the user wrote it, or NULL if that cannot be told: the text is
 * not there, is not what the statement was made from, or the name is written
 * as U&"...".
 */
char *
whole_extension_name(const PlannedStmt *pstmt, const char *query_string)
{
	bool		create = IsA(pstmt->utilityStmt, CreateExtensionStmt);
	char	   *seen = create ?
		((CreateExtensionStmt *) pstmt->utilityStmt)->extname :
		castNode(AlterExtensionStmt, pstmt->utilityStmt)->extname;
	char	   *name;
	Source		source;

	if (!name_may_be_cut(seen))
		return seen;
	if (!find_source(pstmt, query_string, &source) ||
		!take_keyword(&source, create ? "create" : "alter") ||
		!take_keyword(&source, "extension"))
		return NULL;
	if (create && take_keyword(&source, "if") &&
		!(take_keyword(&source, "not") && take_keyword(&source, "exists")))
		return NULL;

	skip_blanks(&source);
	if (starts_with(&source, "U&\""))
		return NULL;
	if (!starts_with(&source, "\""))
	{
		/* cannot have a slash: whole or not, it is PostgreSQL's own matter */
		name = read_plain(&source);
		return strlen(name) == strlen(seen) ? seen : name;
	}

	/* the text is another statement's if it does not begin as ours does */
	name = read_quoted(&source);
	if (name == NULL || strncmp(name, seen, strlen(seen)) != 0)
		return NULL;
	return name;
}
