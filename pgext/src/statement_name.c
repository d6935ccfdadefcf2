/*
 * statement_name.c
 *		The names of extensions in a statement, whole.
 *
 * PostgreSQL's parser cuts identifiers at 63 bytes before any hook sees them,
 * and a full name may have 150: a cut name is the name of somebody else's
 * extension. What was cut is read again from the text of the statement.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "name_reader.h"
#include "nodes/parsenodes.h"
#include "parser/scansup.h"
#include "statement_name.h"

/*
 * Where the tree of a statement has names of extensions, as char **; none if
 * the statement is about something else.
 */
List *
extension_name_places(Node *stmt)
{
	List	   *places = NIL;
	ListCell   *lc;

	switch (nodeTag(stmt))
	{
		case T_CreateExtensionStmt:
			return list_make1(&((CreateExtensionStmt *) stmt)->extname);
		case T_AlterExtensionStmt:
			return list_make1(&((AlterExtensionStmt *) stmt)->extname);
		case T_AlterExtensionContentsStmt:
			return list_make1(&((AlterExtensionContentsStmt *) stmt)->extname);
		case T_AlterObjectDependsStmt:
			return list_make1(&strVal(((AlterObjectDependsStmt *) stmt)->extname));
		case T_AlterObjectSchemaStmt:
			if (((AlterObjectSchemaStmt *) stmt)->objectType != OBJECT_EXTENSION)
				return NIL;
			return list_make1(&strVal(((AlterObjectSchemaStmt *) stmt)->object));
		case T_CommentStmt:
			if (((CommentStmt *) stmt)->objtype != OBJECT_EXTENSION)
				return NIL;
			return list_make1(&strVal(((CommentStmt *) stmt)->object));
		case T_DropStmt:
			if (((DropStmt *) stmt)->removeType != OBJECT_EXTENSION)
				return NIL;
			foreach(lc, ((DropStmt *) stmt)->objects)
				places = lappend(places, &strVal(lfirst(lc)));
			return places;
		default:
			return NIL;
	}
}

/*
 * Whether the parser may have cut the name: where the next character did not
 * fit, up to a whole multibyte character is missing from the 63 bytes.
 */
static bool
may_be_cut(const char *name)
{
	return strlen(name) + pg_database_encoding_max_length() > NAMEDATALEN - 1;
}

static bool
is_cut_from(const char *seen, const char *name)
{
	char	   *cut = pstrdup(name);

	truncate_identifier(cut, strlen(cut), false);
	return strcmp(cut, seen) == 0;
}

/* The text of this statement alone; NULL if nobody knows where it stands */
static char *
statement_text(const PlannedStmt *pstmt, const char *query_string)
{
	size_t		length = query_string ? strlen(query_string) : 0;

	if (pstmt->stmt_location < 0 || (size_t) pstmt->stmt_location >= length)
		return NULL;
	length -= pstmt->stmt_location;
	if (pstmt->stmt_len > 0 && (size_t) pstmt->stmt_len < length)
		length = pstmt->stmt_len;
	return pnstrdup(query_string + pstmt->stmt_location, length);
}

/* ... DEPENDS ON EXTENSION name, after the signature of any object */
static List *
read_last_name(NameReader *reader)
{
	char	   *last = NULL;

	while (!at_end(reader))
	{
		if (at_name(reader))
			last = take_name(reader);
		else
		{
			last = NULL;
			skip_tokens(reader, 1);
		}
	}
	return last ? list_make1(last) : NIL;
}

/*
 * The names after EXTENSION, or after LANGUAGE, for CREATE LANGUAGE creates an
 * extension too. IF EXISTS and IF NOT EXISTS are there when the tree says so.
 */
static List *
read_names(NameReader *reader, Node *stmt)
{
	List	   *names = NIL;
	char	   *name;

	while (!at_end(reader) && !at_word(reader, "extension") &&
		   !at_word(reader, "language"))
		skip_tokens(reader, 1);

	if (IsA(stmt, DropStmt) && ((DropStmt *) stmt)->missing_ok)
		skip_tokens(reader, 2);
	else if (IsA(stmt, CreateExtensionStmt) && at_word(reader, "extension") &&
			 ((CreateExtensionStmt *) stmt)->if_not_exists)
		skip_tokens(reader, 3);
	skip_tokens(reader, 1);

	do
	{
		name = take_name(reader);
		if (name == NULL)
			return NIL;
		names = lappend(names, name);
	} while (skip_token(reader, ','));
	return names;
}

/*
 * The names as the user wrote them, as char *, in the order of their places;
 * NIL if that cannot be told: the text is not there, or is not what the
 * statement was made from.
 */
List *
whole_extension_names(const PlannedStmt *pstmt, const char *query_string)
{
	Node	   *stmt = pstmt->utilityStmt;
	List	   *places = extension_name_places(stmt);
	List	   *names = NIL;
	bool		cut = false;
	char	   *text;
	NameReader	reader;
	ListCell   *place;
	ListCell   *name;

	foreach(place, places)
	{
		char	   *seen = *(char **) lfirst(place);

		names = lappend(names, seen);
		cut = cut || may_be_cut(seen);
	}
	if (!cut)
		return names;

	text = statement_text(pstmt, query_string);
	if (text == NULL)
		return NIL;
	open_reader(&reader, text);
	names = IsA(stmt, AlterObjectDependsStmt) ?
		read_last_name(&reader) : read_names(&reader, stmt);
	close_reader(&reader);

	if (list_length(names) != list_length(places))
		return NIL;
	forboth(place, places, name, names)
	{
		if (!is_cut_from(*(char **) lfirst(place), lfirst(name)))
			return NIL;
	}
	return names;
}
