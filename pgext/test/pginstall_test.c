/*
 * pginstall_test.c
 *		What only C can ask of pginstall, as SQL functions for the tests alone.
 *
 * protocol/corpus/ is replayed through the parsers here, and through those in
 * TypeScript: both must say the same. Statements are run as modules may run
 * them that stand between the user and us.
 */
#include "postgres.h"

#include "compat.h"
#include "message.h"
#include "names.h"
#include "statement_name.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"

PG_MODULE_MAGIC;

/* Not exported by PG_FUNCTION_INFO_V1 itself before PostgreSQL 16 */
extern PGDLLEXPORT Datum test_name_fault(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum test_short_name_of(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum test_parse_answer(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum test_whole_name(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum test_run_statement(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(test_name_fault);
PG_FUNCTION_INFO_V1(test_short_name_of);
PG_FUNCTION_INFO_V1(test_parse_answer);
PG_FUNCTION_INFO_V1(test_whole_name);
PG_FUNCTION_INFO_V1(test_run_statement);

static const struct
{
	const char *kind;
	const char *(*fault) (const char *text, size_t length);
}			grammars[] = {
	{"full_name", full_name_fault},
	{"short_name", short_name_fault},
	{"version", version_fault},
	{"module", module_fault},
	{"library", library_fault},
	{"pattern", pattern_fault}
};

static const char *const request_names[] = {
	[REQUEST_CREATE_EXTENSION] = "create_extension",
	[REQUEST_LOAD_MODULE] = "load_module",
	[REQUEST_SEARCH] = "search",
	[REQUEST_STATUS] = "status"
};

static const char *const answer_names[] = {
	[ANSWER_NOTICE] = "notice",
	[ANSWER_ERROR] = "error",
	[ANSWER_RESULT] = "result"
};

/* test_name_fault(kind text, name bytea): which rule is broken, else NULL */
Datum
test_name_fault(PG_FUNCTION_ARGS)
{
	char	   *kind = text_to_cstring(PG_GETARG_TEXT_PP(0));
	bytea	   *name = PG_GETARG_BYTEA_PP(1);

	for (int i = 0; i < lengthof(grammars); i++)
	{
		const char *fault;

		if (strcmp(grammars[i].kind, kind) != 0)
			continue;
		fault = grammars[i].fault(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
		if (fault == NULL)
			PG_RETURN_NULL();
		PG_RETURN_TEXT_P(cstring_to_text(fault));
	}
	elog(ERROR, "no grammar is called \"%s\"", kind);
}

Datum
test_short_name_of(PG_FUNCTION_ARGS)
{
	char	   *full_name = text_to_cstring(PG_GETARG_TEXT_PP(0));

	PG_RETURN_TEXT_P(cstring_to_text(short_name_of(full_name)));
}

/*
 * test_parse_answer(request text, line bytea): notice, result, or error with
 * the SQLSTATE that would be raised.
 */
Datum
test_parse_answer(PG_FUNCTION_ARGS)
{
	char	   *request = text_to_cstring(PG_GETARG_TEXT_PP(0));
	bytea	   *bytes = PG_GETARG_BYTEA_PP(1);
	int			length = VARSIZE_ANY_EXHDR(bytes);
	char	   *line = palloc(length + 1);

	memcpy(line, VARDATA_ANY(bytes), length);
	line[length] = '\0';
	for (int i = 0; i < lengthof(request_names); i++)
	{
		Answer	   *answer;
		const char *name;

		if (strcmp(request_names[i], request) != 0)
			continue;
		answer = parse_answer(line, length, (RequestKind) i);
		name = answer_names[answer->kind];
		if (answer->kind == ANSWER_ERROR)
			name = psprintf("%s %s", name,
							unpack_sql_state(answer->sqlerrcode));
		PG_RETURN_TEXT_P(cstring_to_text(name));
	}
	elog(ERROR, "no request is called \"%s\"", request);
}

/*
 * test_whole_name(statements text): the first name of the first statement about
 * extensions in the text, NULL where it cannot be told.
 */
Datum
test_whole_name(PG_FUNCTION_ARGS)
{
	char	   *statements = text_to_cstring(PG_GETARG_TEXT_PP(0));
	ListCell   *lc;

	foreach(lc, pg_parse_query(statements))
	{
		RawStmt    *raw = lfirst_node(RawStmt, lc);
		PlannedStmt *pstmt = makeNode(PlannedStmt);
		List	   *names;

		if (extension_name_places(raw->stmt) == NIL)
			continue;
		pstmt->utilityStmt = raw->stmt;
		pstmt->stmt_location = raw->stmt_location;
		pstmt->stmt_len = raw->stmt_len;
		names = whole_extension_names(pstmt, statements);
		if (names == NIL)
			PG_RETURN_NULL();
		PG_RETURN_TEXT_P(cstring_to_text(linitial(names)));
	}
	elog(ERROR, "there is no such statement in the text");
}

/*
 * test_run_statement(statement text, shown text): runs a utility statement as
 * if it stood at the beginning of another text or, where that is NULL, in none.
 */
Datum
test_run_statement(PG_FUNCTION_ARGS)
{
	char	   *statement = text_to_cstring(PG_GETARG_TEXT_PP(0));
	RawStmt    *raw = linitial_node(RawStmt, pg_parse_query(statement));
	PlannedStmt *pstmt = makeNode(PlannedStmt);
	const bool	readOnlyTree pg_attribute_unused() = true;

	pstmt->commandType = CMD_UTILITY;
	pstmt->utilityStmt = raw->stmt;
	pstmt->stmt_location = PG_ARGISNULL(1) ? -1 : 0;
	ProcessUtility(pstmt,
				   PG_ARGISNULL(1) ? statement : text_to_cstring(PG_GETARG_TEXT_PP(1)),
				   UTILITY_TREE_ARG PROCESS_UTILITY_QUERY, NULL, NULL,
				   None_Receiver, NULL);
	PG_RETURN_VOID();
}
