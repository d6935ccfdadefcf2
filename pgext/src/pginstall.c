/*
 * pginstall.c
 *		CREATE EXTENSION of extensions that are not on this machine yet.
 *
 * Load it with session_preload_libraries, and CREATE EXTENSION asks the
 * pginstall sidecar for what PostgreSQL does not have. The sidecar, a process
 * of its own, downloads, verifies and unpacks; here nothing is but the
 * statement, the rights and the record.
 */
#include "postgres.h"

#include "fmgr.h"
#include "guc.h"
#include "process_utility.h"
#include "request.h"
#include "sidecar_client.h"
#include "utils/builtins.h"

PG_MODULE_MAGIC;

/* The same limit as in protocol/socket.schema.json */
#define MAX_SEARCH_BYTES 1024

void		_PG_init(void);

PG_FUNCTION_INFO_V1(pginstall_ask_search);
PG_FUNCTION_INFO_V1(pginstall_ask_status);

void
_PG_init(void)
{
	define_settings();
	install_utility_hook();
}

/* What the repositories have whose name or description contains the text */
Datum
pginstall_ask_search(PG_FUNCTION_ARGS)
{
	text	   *words = PG_GETARG_TEXT_PP(0);
	uid_t		peer;
	Answer	   *answer;

	if (VARSIZE_ANY_EXHDR(words) > MAX_SEARCH_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("text to search for has more than %d bytes",
						MAX_SEARCH_BYTES)));
	answer = ask_sidecar(search_request(text_to_cstring(words)),
						 REQUEST_SEARCH, &peer);
	PG_RETURN_JSONB_P(answer->listing);
}

/* The sidecar itself and its repositories */
Datum
pginstall_ask_status(PG_FUNCTION_ARGS)
{
	uid_t		peer;
	Answer	   *answer = ask_sidecar(status_request(), REQUEST_STATUS, &peer);

	PG_RETURN_JSONB_P(answer->listing);
}
