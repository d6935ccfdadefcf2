/*
 * compat.h
 *		All that differs between the PostgreSQL versions we build against.
 */
#ifndef PGINSTALL_COMPAT_H
#define PGINSTALL_COMPAT_H

#include "catalog/pg_database.h"
#include "commands/dbcommands.h"
#include "fmgr.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"
#include "utils/lsyscache.h"	/* get_database_name() since 19 */

#if PG_VERSION_NUM >= 140000
#include "utils/wait_event.h"
#define UTILITY_TREE_PARAM		bool readOnlyTree,
#define UTILITY_TREE_ARG		readOnlyTree,
#else
#include "pgstat.h"
#define UTILITY_TREE_PARAM
#define UTILITY_TREE_ARG
#endif

/* What a ProcessUtility hook is given, and hands on */
#define UTILITY_PARAMS \
	PlannedStmt *pstmt, const char *queryString, UTILITY_TREE_PARAM \
	ProcessUtilityContext context, ParamListInfo params, \
	QueryEnvironment *queryEnv, DestReceiver *dest, QueryCompletion *qc
#define UTILITY_ARGS \
	pstmt, queryString, UTILITY_TREE_ARG \
	context, params, queryEnv, dest, qc

/* What vendors put into the module magic since 15 */
#ifdef FMGR_ABI_EXTRA
#define PGINSTALL_ABI_EXTRA FMGR_ABI_EXTRA
#else
#define PGINSTALL_ABI_EXTRA ""
#endif

/* What ends a module's file name; told to few of the server's own files before 15 */
#ifndef DLSUFFIX
#define DLSUFFIX ".so"
#endif

#if PG_VERSION_NUM < 150000
#define MarkGUCPrefixReserved(prefix) EmitWarningsOnPlaceholders(prefix)
#endif

#if PG_VERSION_NUM >= 160000
#define database_aclcheck(database, role, mode) \
	object_aclcheck(DatabaseRelationId, database, role, mode)
#define extension_ownercheck(extension, role) \
	object_ownercheck(ExtensionRelationId, extension, role)
#else
#define extension_ownercheck(extension, role) \
	pg_extension_ownercheck(extension, role)
#define database_aclcheck(database, role, mode) \
	pg_database_aclcheck(database, role, mode)
#endif

/* Multiranges came with 14 */
#if PG_VERSION_NUM >= 140000
#define range_of_multirange(type) get_multirange_range(type)
#else
#define range_of_multirange(type) InvalidOid
#endif

/* Deletes without waiting; its options came with 19 */
#if PG_VERSION_NUM >= 190000
#define delete_tuple(rel, tid, cid, failure) \
	table_tuple_delete(rel, tid, cid, 0, InvalidSnapshot, InvalidSnapshot, \
					   false, failure)
#else
#define delete_tuple(rel, tid, cid, failure) \
	table_tuple_delete(rel, tid, cid, InvalidSnapshot, InvalidSnapshot, \
					   false, failure, false)
#endif

/* Named wait events for extensions came with 17 */
#if PG_VERSION_NUM >= 170000
#define sidecar_wait_event() WaitEventExtensionNew("PginstallSidecar")
#else
#define sidecar_wait_event() PG_WAIT_EXTENSION
#endif

/* Where the value of a setting comes from, a placeholder's too */
static inline GucSource
setting_source(const char *name)
{
	struct config_generic *setting = NULL;

#if PG_VERSION_NUM >= 160000
	setting = find_option(name, false, true, DEBUG5);
#else
	struct config_generic **all = get_guc_variables();

	for (int i = 0; i < GetNumConfigOptions(); i++)
	{
		if (pg_strcasecmp(all[i]->name, name) == 0)
			setting = all[i];
	}
#endif
	return setting ? setting->source : PGC_S_DEFAULT;
}

#endif							/* PGINSTALL_COMPAT_H */
