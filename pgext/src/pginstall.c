/*
 * pginstall.c
 *		CREATE EXTENSION of extensions that are not on this machine yet, and
 *		first use of those that another machine has created.
 *
 * Loaded by session_preload_libraries, by shared_preload_libraries, or by
 * CREATE EXTENSION pginstall for the session that runs it. The pginstall
 * sidecar, a process of its own, downloads, verifies and unpacks; here is
 * nothing but the statement, the rights and the record.
 */
#include "postgres.h"

#include "drop_hook.h"
#include "fmgr.h"
#include "guc.h"
#include "library_hook.h"
#include "process_utility.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	define_settings();
	install_utility_hook();
	install_library_hook();
	install_plan_hook();
	install_drop_hook();
}
