/*
 * pginstall.c
 *		Installs extensions from repositories when CREATE EXTENSION asks for
 *		what PostgreSQL itself does not have.
 *
 * Loaded by session_preload_libraries, by shared_preload_libraries, or by
 * CREATE EXTENSION pginstall for the session that runs it.
 */
#include "postgres.h"

#include "fmgr.h"
#include "guc.h"
#include "process_utility.h"

PG_MODULE_MAGIC;

void		_PG_init(void);

void
_PG_init(void)
{
	define_settings();
	install_process_utility_hook();
}
