/*
 * built_against.c
 *		What this module is built for, to be read from its file.
 *
 * Before pg_upgrade, modules for the new installation are chosen while no
 * server of it runs, and on a machine that need not have its headers.
 */
#include "postgres.h"

#include "compat.h"

extern PGDLLEXPORT const char pginstall_built_against[];

#ifdef USE_ASSERT_CHECKING
#define ASSERTIONS "true"
#else
#define ASSERTIONS "false"
#endif

const char	pginstall_built_against[] =
"pginstall is built against {\"version_num\":" CppAsString2(PG_VERSION_NUM)
",\"abi_extra\":\"" PGINSTALL_ABI_EXTRA "\",\"block_size\":" CppAsString2(BLCKSZ)
",\"wal_block_size\":" CppAsString2(XLOG_BLCKSZ)
",\"assertions\":" ASSERTIONS "}";
