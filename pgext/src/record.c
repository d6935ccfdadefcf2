/*
 * record.c
 *		Which provider an installed extension came from.
 *
 * Rows of the table are joined to pg_extension whenever they are read, and
 * those that tell of nothing that is there are swept out when one is written.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "parser/parse_node.h"
#include "record.h"
#include "record_row.h"
#include "remembered.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

static List *
extensions_of_catalog(void)
{
	Relation	rel = table_open(ExtensionRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	List	   *extensions = NIL;
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_extension form = (Form_pg_extension) GETSTRUCT(tuple);
		InstalledExtension *extension = palloc0(sizeof(InstalledExtension));
		bool		is_null;
		Datum		version = heap_getattr(tuple, Anum_pg_extension_extversion,
										   RelationGetDescr(rel), &is_null);

		extension->oid = form->oid;
		extension->name = pstrdup(NameStr(form->extname));
		extension->version = TextDatumGetCString(version);
		extensions = lappend(extensions, extension);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return extensions;
}

/* What the rows tell of the extensions: of several that are believed the last */
static void
add_providers(RecordTable *table, List *extensions)
{
	int			count = list_length(extensions);
	Belief	   *beliefs = palloc0(count * sizeof(Belief));
	TimestampTz *times = palloc0(count * sizeof(TimestampTz));
	SysScanDesc scan = systable_beginscan(table->rel, InvalidOid, false, NULL,
										  0, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		RecordRow	row;

		read_row(table, tuple, &row);
		for (int i = 0; i < count; i++)
		{
			InstalledExtension *extension = list_nth(extensions, i);
			Belief		belief;

			if (strcmp(extension->name, row.name) != 0)
				continue;
			belief = believe_row(table, tuple, extension->oid);
			if (belief == NOT_BELIEVED || belief < beliefs[i] ||
				(belief == beliefs[i] && row.installed_at < times[i]))
				continue;
			beliefs[i] = belief;
			times[i] = row.installed_at;
			extension->full_name = row.full_name;
			extension->archive_version = row.version;
		}
	}
	systable_endscan(scan);
}

/* All extensions of the database, as InstalledExtension */
List *
installed_extensions(void)
{
	List	   *extensions = extensions_of_catalog();
	RecordTable table;

	if (open_record(&table, AccessShareLock))
	{
		add_providers(&table, extensions);
		close_record(&table);
	}
	return extensions;
}

/* The same for a statement that must not fail, nor wait, for the record's sake */
List *
installed_extensions_unless_locked(void)
{
	List	   *extensions = extensions_of_catalog();
	RecordTable table;

	if (open_record_unless_locked(&table, AccessShareLock))
	{
		add_providers(&table, extensions);
		close_record(&table);
	}
	return extensions;
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

/*
 * Which version of the provider was installed last in this database; NULL if
 * that is not recorded. A function may be called first where no query could
 * run, in a parallel worker or at the output of a row.
 */
char *
recorded_version(const char *full_name)
{
	RecordTable table;
	SysScanDesc scan;
	HeapTuple	tuple;
	char	   *version = NULL;
	TimestampTz newest = DT_NOBEGIN;

	/* logical decoding sees the tables of users only through the log */
	if (HistoricSnapshotActive() || !open_record(&table, AccessShareLock))
		return NULL;
	scan = systable_beginscan(table.rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		RecordRow	row;

		read_row(&table, tuple, &row);
		if (strcmp(row.full_name, full_name) == 0 && row.installed_at >= newest)
		{
			newest = row.installed_at;
			version = row.version;
		}
	}
	systable_endscan(scan);
	close_record(&table);
	return version;
}

/* 0 without a record, else 1 or 2 as the versions 0.1 and 0.2 have made it */
static int
record_layout(void)
{
	RecordTable table;

	if (!open_record(&table, AccessShareLock))
		return 0;
	close_record(&table);
	return table.has_lineage ? 2 : 1;
}

static void
create_our_extension(void)
{
	CreateExtensionStmt *stmt = makeNode(CreateExtensionStmt);

	ereport(NOTICE,
			(errmsg("installing required extension \"%s\"", OUR_EXTENSION)));
	stmt->extname = pstrdup(OUR_EXTENSION);
	CreateExtension(make_parsestate(NULL), stmt);
}

static void
update_our_extension(void)
{
	AlterExtensionStmt *stmt = makeNode(AlterExtensionStmt);

	ereport(NOTICE,
			(errmsg("updating required extension \"%s\"", OUR_EXTENSION)));
	stmt->extname = pstrdup(OUR_EXTENSION);
	ExecAlterExtensionStmt(make_parsestate(NULL), stmt);
}

/*
 * Creates extension "pginstall" in a database that does not have it, as
 * CASCADE would what is required, and updates one that an earlier release has
 * made; as the bootstrap superuser, whoever asks.
 */
void
require_record(void)
{
	int			layout = record_layout();
	Oid			user;
	int			security_context;

	if (layout == 2)
		return;
	if (layout == 0)
		take_over_schema();

	/* an error needs no way back: the abort restores the user */
	GetUserIdAndSecContext(&user, &security_context);
	SetUserIdAndSecContext(BOOTSTRAP_SUPERUSERID,
						   security_context | SECURITY_LOCAL_USERID_CHANGE);
	if (layout == 0)
		create_our_extension();
	else
		update_our_extension();
	CommandCounterIncrement();
	SetUserIdAndSecContext(user, security_context);

	/* another version's script might not make what we need */
	if (record_layout() != 2)
		elog(ERROR, "extension \"%s\" has not made the record", OUR_EXTENSION);
}

/*
 * Deletes the rows that nobody will read: of the extension with that name, and
 * of those that are not there. What another cluster has written before
 * pg_upgrade is written again with the oids of this one.
 */
static void
sweep(RecordTable *table, const char *name, const List *installed)
{
	SysScanDesc scan = systable_beginscan(table->rel, InvalidOid, false, NULL,
										  0, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		const InstalledExtension *present;
		Belief		belief = NOT_BELIEVED;
		RecordRow	row;

		read_row(table, tuple, &row);
		present = find_installed(installed, row.name);
		if (present && strcmp(row.name, name) != 0)
			belief = believe_row(table, tuple, present->oid);
		if (belief == WRITTEN_HERE)
			continue;
		delete_row(table, tuple);
		if (belief == WRITTEN_BEFORE_UPGRADE)
		{
			row.extension = present->oid;
			insert_row(table, &row);
		}
	}
	systable_endscan(scan);
}

/* The row of an extension that has just been created or updated */
void
write_record(const ResultExtension *extension)
{
	List	   *installed = extensions_of_catalog();
	RecordTable table;
	RecordRow	row;

	/* the statement itself may have dropped it, or an event trigger */
	if (!open_record(&table, RowExclusiveLock))
		return;
	sweep(&table, extension->name, installed);
	row.extension = get_extension_oid(extension->name, false);
	row.name = extension->name;
	row.full_name = extension->full_name;
	row.version = extension->version;
	row.digest = extension->digest;
	row.repository = extension->repository;
	row.installed_at = GetCurrentTransactionStartTimestamp();
	insert_row(&table, &row);
	close_record(&table);
	CommandCounterIncrement();
	remember_at_commit();
}

/* The rows of an extension that is being dropped; never an error of ours */
void
forget_extension(const char *name)
{
	RecordTable table;
	SysScanDesc scan;
	HeapTuple	tuple;

	if (!open_record_unless_locked(&table, RowExclusiveLock))
		return;
	scan = systable_beginscan(table.rel, InvalidOid, false, NULL, 0, NULL);
	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		RecordRow	row;

		read_row(&table, tuple, &row);
		if (strcmp(row.name, name) == 0)
			delete_row(&table, tuple);
	}
	systable_endscan(scan);
	close_record(&table);
}
