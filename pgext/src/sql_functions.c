/*
 * sql_functions.c
 *		What the sidecar knows, for the functions of schema pginstall.
 *
 * The sidecar reads its local copy of the indexes only: no function here makes
 * it ask the network. Who may call them is the SQL script's to say.
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "request.h"
#include "sidecar_client.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

/* The same limit as in protocol/socket.schema.json */
#define MAX_SEARCH_CHARS 1024

/* Not exported by PG_FUNCTION_INFO_V1 itself before PostgreSQL 16 */
extern PGDLLEXPORT Datum pginstall_search(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum pginstall_status(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(pginstall_search);
PG_FUNCTION_INFO_V1(pginstall_status);

/* sidecar_search(text) returns jsonb: search_result of the schema */
Datum
pginstall_search(PG_FUNCTION_ARGS)
{
	char	   *wanted = text_to_cstring(PG_GETARG_TEXT_PP(0));
	uid_t		sidecar;

	if (pg_mbstrlen(wanted) > MAX_SEARCH_CHARS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("text to search for has more than %d characters",
						MAX_SEARCH_CHARS)));
	PG_RETURN_JSONB_P(ask_sidecar(search_request(wanted), REQUEST_SEARCH,
								  &sidecar)->listing);
}

/* sidecar_status() returns jsonb: status_result of the same */
Datum
pginstall_status(PG_FUNCTION_ARGS)
{
	uid_t		sidecar;

	PG_RETURN_JSONB_P(ask_sidecar(status_request(), REQUEST_STATUS,
								  &sidecar)->listing);
}
