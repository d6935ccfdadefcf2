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
#include "miscadmin.h"
#include "remembered.h"
#include "request.h"
#include "sidecar_client.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

/* The same limit as in protocol/socket.schema.json */
#define MAX_SEARCH_CHARS 1024

/* Not exported by PG_FUNCTION_INFO_V1 itself before PostgreSQL 16 */
extern PGDLLEXPORT Datum pginstall_search(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum pginstall_available(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum pginstall_status(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum pginstall_remember(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(pginstall_search);
PG_FUNCTION_INFO_V1(pginstall_available);
PG_FUNCTION_INFO_V1(pginstall_status);
PG_FUNCTION_INFO_V1(pginstall_remember);

static char *
wanted_text(text *wanted)
{
	char	   *string = text_to_cstring(wanted);

	if (pg_mbstrlen(string) > MAX_SEARCH_CHARS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("text to search for has more than %d characters",
						MAX_SEARCH_CHARS)));
	return string;
}

static Datum
ask_for_listing(const char *request, RequestKind kind)
{
	uid_t		sidecar;

	return JsonbPGetDatum(ask_sidecar(request, kind, &sidecar)->listing);
}

/* sidecar_search(text) returns jsonb: search_result of the schema */
Datum
pginstall_search(PG_FUNCTION_ARGS)
{
	return ask_for_listing(search_request(wanted_text(PG_GETARG_TEXT_PP(0))),
						   REQUEST_SEARCH);
}

/* sidecar_available(text) returns jsonb: the same, of what can be created */
Datum
pginstall_available(PG_FUNCTION_ARGS)
{
	return ask_for_listing(available_request(wanted_text(PG_GETARG_TEXT_PP(0))),
						   REQUEST_SEARCH);
}

/* sidecar_status() returns jsonb: status_result of the same */
Datum
pginstall_status(PG_FUNCTION_ARGS)
{
	return ask_for_listing(status_request(), REQUEST_STATUS);
}

/* remember() returns void */
Datum
pginstall_remember(PG_FUNCTION_ARGS)
{
	PreventCommandIfReadOnly("pginstall.remember()");
	remember_at_commit();
	PG_RETURN_VOID();
}
