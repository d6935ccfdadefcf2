/*
 * record.c
 *		Which provider an installed extension came from.
 *
 * The table pginstall.record is keyed by the oid in pg_extension and only
 * believed where the name there is the same: DROP OWNED and DROP SCHEMA remove
 * extensions without a word to us. It is read and written as the bootstrap
 * superuser, whoever creates the extension; so the table must be the very one
 * that our extension made, never one that somebody has put in its place with a
 * trigger on it.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_node.h"
#include "record.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define OUR_EXTENSION "pginstall"

static const char extensions_sql[] =
"SELECT e.extname::pg_catalog.text, NULL::pg_catalog.text, e.extversion "
"FROM pg_catalog.pg_extension e";

static const char providers_sql[] =
"SELECT e.extname::pg_catalog.text, i.full_name, e.extversion "
"FROM pg_catalog.pg_extension e "
"LEFT JOIN pginstall.installed i "
"ON i.name OPERATOR(pg_catalog.=) e.extname::pg_catalog.text";

static const char insert_sql[] =
"INSERT INTO pginstall.record "
"(extension, name, full_name, version, digest, repository) "
"VALUES ($1, $2, $3, $4, $5, $6)";

static const char delete_sql[] =
"DELETE FROM pginstall.record r "
"WHERE r.extension OPERATOR(pg_catalog.=) $1 OR NOT EXISTS "
"(SELECT FROM pg_catalog.pg_extension e "
"WHERE e.oid OPERATOR(pg_catalog.=) r.extension "
"AND e.extname::pg_catalog.text OPERATOR(pg_catalog.=) r.name)";

typedef struct Identity
{
	Oid			user;
	int			security_context;
} Identity;

/*
 * An error needs no way back: the abort that follows restores the user with
 * the transaction's state.
 */
static void
become_superuser(Identity *saved)
{
	GetUserIdAndSecContext(&saved->user, &saved->security_context);
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID,
						   saved->security_context |
						   SECURITY_LOCAL_USERID_CHANGE);
}

static void
become_user(const Identity *saved)
{
	SetUserIdAndSecContext(saved->user, saved->security_context);
}

static bool
is_our_relation(const char *name, Oid extension)
{
	Oid			schema = get_namespace_oid(OUR_EXTENSION, true);
	Oid			relation = OidIsValid(schema) ?
		get_relname_relid(name, schema) : InvalidOid;

	return OidIsValid(relation) &&
		getExtensionOfObject(RelationRelationId, relation) == extension;
}

/* Whether the database has a record; raises 55000 if it is not ours */
static bool
has_record(void)
{
	Oid			extension = get_extension_oid(OUR_EXTENSION, true);

	if (!OidIsValid(extension))
		return false;
	if (!is_our_relation("record", extension) ||
		!is_our_relation("installed", extension))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"pginstall\" has no table or view of its own in schema \"pginstall\""),
				 errhint("If the schema was renamed, give it back its name.")));
	return true;
}

static void
run_sql(const char *sql, int nargs, Oid *types, Datum *values)
{
	int			code = SPI_execute_with_args(sql, nargs, types, values, NULL,
											 false, 0);

	if (code < 0)
		elog(ERROR, "could not execute \"%s\": %s",
			 sql, SPI_result_code_string(code));
}

/* All extensions of the database, as InstalledExtension */
List *
installed_extensions(void)
{
	const char *sql = has_record() ? providers_sql : extensions_sql;
	MemoryContext caller = CurrentMemoryContext;
	List	   *installed = NIL;
	Identity	saved;

	become_superuser(&saved);
	SPI_connect();
	run_sql(sql, 0, NULL, NULL);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		HeapTuple	row = SPI_tuptable->vals[i];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		MemoryContext spi = MemoryContextSwitchTo(caller);
		InstalledExtension *extension = palloc(sizeof(InstalledExtension));

		extension->name = SPI_getvalue(row, desc, 1);
		extension->full_name = SPI_getvalue(row, desc, 2);
		extension->version = SPI_getvalue(row, desc, 3);
		installed = lappend(installed, extension);
		MemoryContextSwitchTo(spi);
	}
	SPI_finish();
	become_user(&saved);
	return installed;
}

const InstalledExtension *
find_installed(const List *installed, const char *name)
{
	ListCell   *lc;

	foreach(lc, installed)
	{
		const InstalledExtension *extension = lfirst(lc);

		if (strcmp(extension->name, name) == 0)
			return extension;
	}
	return NULL;
}

static Datum
column(HeapTuple row, Relation record, const char *name, bool *is_null)
{
	return heap_getattr(row, get_attnum(RelationGetRelid(record), name),
						RelationGetDescr(record), is_null);
}

/*
 * Which version of the provider was installed last in this database; NULL if
 * that is not recorded. By a plain scan: a function may be called first where
 * no query could run, in a parallel worker or at the output of a row.
 */
char *
recorded_version(const char *full_name)
{
	Relation	record;
	SysScanDesc scan;
	HeapTuple	row;
	char	   *version = NULL;
	TimestampTz newest = DT_NOBEGIN;

	/* logical decoding sees the tables of users only through the log */
	if (HistoricSnapshotActive() || !has_record())
		return NULL;
	record = table_open(get_relname_relid("record",
										  get_namespace_oid(OUR_EXTENSION, false)),
						AccessShareLock);
	scan = systable_beginscan(record, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(row = systable_getnext(scan)))
	{
		bool		is_null;
		Datum		name = column(row, record, "full_name", &is_null);
		Datum		installed_at = column(row, record, "installed_at", &is_null);

		if (strcmp(TextDatumGetCString(name), full_name) != 0 ||
			DatumGetTimestampTz(installed_at) < newest)
			continue;
		newest = DatumGetTimestampTz(installed_at);
		version = TextDatumGetCString(column(row, record, "version", &is_null));
	}
	systable_endscan(scan);
	table_close(record, AccessShareLock);
	return version;
}

/*
 * Creates extension "pginstall" in a database that does not have it, as
 * CASCADE would what is required.
 */
void
require_record(void)
{
	CreateExtensionStmt *stmt;
	Identity	saved;

	if (has_record())
		return;
	ereport(NOTICE,
			(errmsg("installing required extension \"%s\"", OUR_EXTENSION)));
	stmt = makeNode(CreateExtensionStmt);
	stmt->extname = pstrdup(OUR_EXTENSION);

	become_superuser(&saved);
	CreateExtension(make_parsestate(NULL), stmt);
	CommandCounterIncrement();
	become_user(&saved);

	/* another version's script might not make what we need */
	if (!has_record())
		elog(ERROR, "extension \"%s\" was not created", OUR_EXTENSION);
}

/*
 * The row of an extension that has just been created or updated, in place of
 * the one before, and of those of extensions that are gone, whichever way they
 * went.
 */
void
write_record(const ResultExtension *extension)
{
	Oid			types[] = {OIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Datum		values[lengthof(types)];
	Identity	saved;

	values[0] = ObjectIdGetDatum(get_extension_oid(extension->name, false));
	values[1] = CStringGetTextDatum(extension->name);
	values[2] = CStringGetTextDatum(extension->full_name);
	values[3] = CStringGetTextDatum(extension->version);
	values[4] = CStringGetTextDatum(extension->digest);
	values[5] = CStringGetTextDatum(extension->repository);

	become_superuser(&saved);
	SPI_connect();
	run_sql(delete_sql, 1, types, values);
	run_sql(insert_sql, lengthof(types), types, values);
	SPI_finish();
	become_user(&saved);
}
