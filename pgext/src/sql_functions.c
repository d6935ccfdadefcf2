/*
 * sql_functions.c
 *		What the sidecar knows, for the functions of schema pginstall.
 *
 * The sidecar reads its local copy of the indexes only: no function here makes
 * it ask the network. Who may call them is the SQL script's to say.
 */
#include "postgres.h"

#include "fmgr.h"
#include "request.h"
#include "sidecar_client.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

PG_FUNCTION_INFO_V1(pginstall_search);
PG_FUNCTION_INFO_V1(pginstall_status);

/* search(text) returns jsonb: search_result of protocol/socket.schema.json */
Datum
pginstall_search(PG_FUNCTION_ARGS)
{
	char	   *wanted = text_to_cstring(PG_GETARG_TEXT_PP(0));
	uid_t		sidecar;

	PG_RETURN_JSONB_P(ask_sidecar(search_request(wanted), REQUEST_SEARCH,
								  &sidecar)->listing);
}

/* status() returns jsonb: status_result of the same */
Datum
pginstall_status(PG_FUNCTION_ARGS)
{
	uid_t		sidecar;

	PG_RETURN_JSONB_P(ask_sidecar(status_request(), REQUEST_STATUS,
								  &sidecar)->listing);
}
