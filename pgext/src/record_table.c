/*
 * record_table.c
 *		The table of the record: found, checked, read and changed.
 *
 * It is used as a catalog is, below the executor: no trigger, rule, policy or
 * operator that somebody has put there runs, it costs no planning, and nothing
 * asks for a replica identity. The price is that the table must be the very
 * one that our extension has made, with the columns it was made with:
 * pg_extension tells which that is, and only an extension's script can make it
 * say so.
 *
 * A row is believed if it was written in this lineage of databases. Each
 * CREATE EXTENSION pginstall begins one; pg_upgrade and physical copies carry
 * it on, while a dump that is restored brings rows of another. So after
 * pg_upgrade, which gives extensions new oids, the name is enough for what
 * another cluster has written; what this one has written must have the oid,
 * since extensions may go and come back without a word to us.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/indexing.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "nodes/execnodes.h"
#include "record_table.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

enum
{
	COLUMN_EXTENSION,
	COLUMN_NAME,
	COLUMN_FULL_NAME,
	COLUMN_VERSION,
	COLUMN_DIGEST,
	COLUMN_REPOSITORY,
	COLUMN_INSTALLED_AT,
	COLUMNS_OF_0_1,
	COLUMN_LINEAGE = COLUMNS_OF_0_1,
	COLUMN_CLUSTER,
	COLUMNS
};

static const struct
{
	const char *name;
	Oid			type;
}			columns[] = {
	[COLUMN_EXTENSION] = {"extension", OIDOID},
	[COLUMN_NAME] = {"name", TEXTOID},
	[COLUMN_FULL_NAME] = {"full_name", TEXTOID},
	[COLUMN_VERSION] = {"version", TEXTOID},
	[COLUMN_DIGEST] = {"digest", TEXTOID},
	[COLUMN_REPOSITORY] = {"repository", TEXTOID},
	[COLUMN_INSTALLED_AT] = {"installed_at", TIMESTAMPTZOID},
	[COLUMN_LINEAGE] = {"lineage", UUIDOID},
	[COLUMN_CLUSTER] = {"cluster", INT8OID}
};

/* The row filter of pg_dump, as the script of 0.2 sets it; a UUID and a quote follow */
static const char lineage_filter[] = "WHERE lineage OPERATOR(pg_catalog.=) '";

/* The first text of an array of texts or oids, else NULL */
static bool
first_element(Datum array, Oid type, int16 length, bool by_value, char align,
			  Datum *element)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;

	deconstruct_array(DatumGetArrayTypeP(array), type, length, by_value, align,
					  &elements, &nulls, &count);
	if (count == 0 || nulls[0])
		return false;
	*element = elements[0];
	return true;
}

static bool
parse_lineage(const char *condition, pg_uuid_t *lineage)
{
	size_t		prefix = strlen(lineage_filter);
	size_t		length = strlen(condition);

	if (strncmp(condition, lineage_filter, prefix) != 0 ||
		length != prefix + 37 || condition[length - 1] != '\'')
		return false;
	*lineage = *DatumGetUUIDP(DirectFunctionCall1(uuid_in,
												  CStringGetDatum(pnstrdup(condition + prefix, 36))));
	return true;
}

/*
 * The table that extension pginstall has marked for pg_dump, and its lineage;
 * InvalidOid without the extension.
 */
static Oid
find_table(RecordTable *table)
{
	Relation	rel = table_open(ExtensionRelationId, AccessShareLock);
	Oid			relid = InvalidOid;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tuple;

	ScanKeyInit(&key, Anum_pg_extension_extname, BTEqualStrategyNumber,
				F_NAMEEQ, CStringGetDatum("pginstall"));
	scan = systable_beginscan(rel, ExtensionNameIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	table->has_lineage = false;
	if (HeapTupleIsValid(tuple))
	{
		bool		no_table;
		bool		no_filter;
		Datum		tables = heap_getattr(tuple, Anum_pg_extension_extconfig,
										  RelationGetDescr(rel), &no_table);
		Datum		filters = heap_getattr(tuple, Anum_pg_extension_extcondition,
										   RelationGetDescr(rel), &no_filter);
		Datum		first;

		if (!no_table && first_element(tables, OIDOID, sizeof(Oid), true,
									   TYPALIGN_INT, &first))
			relid = DatumGetObjectId(first);
		if (!no_filter && first_element(filters, TEXTOID, -1, false,
										TYPALIGN_INT, &first))
			table->has_lineage = parse_lineage(TextDatumGetCString(first),
											   &table->lineage);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return relid;
}

/* Whether it can be used as below; what a superuser may have changed */
static bool
is_as_made(const RecordTable *table)
{
	Form_pg_class form = table->rel->rd_rel;
	TupleDesc	desc = RelationGetDescr(table->rel);
	int			natts = table->has_lineage ? COLUMNS : COLUMNS_OF_0_1;

	if (form->relkind != RELKIND_RELATION || form->relam != HEAP_TABLE_AM_OID ||
		form->relpersistence != RELPERSISTENCE_PERMANENT ||
		desc->natts != natts)
		return false;
	for (int i = 0; i < natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(desc, i);

		if (column->attisdropped || column->attgenerated != '\0' ||
			column->atttypid != columns[i].type ||
			strcmp(NameStr(column->attname), columns[i].name) != 0)
			return false;
	}
	return true;
}

/*
 * False where the database has no extension pginstall; raises 55000 if its
 * table is not as it was made.
 */
bool
open_record(RecordTable *table, LOCKMODE lockmode)
{
	Oid			relid = find_table(table);

	if (!OidIsValid(relid))
		return false;
	table->rel = table_open(relid, lockmode);
	table->lockmode = lockmode;
	if (!is_as_made(table))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("table \"%s\" of extension \"pginstall\" is not as it was made",
						RelationGetRelationName(table->rel)),
				 errhint("Undo what was done to it, or drop the extension and create it again, which forgets what came from where.")));
	return true;
}

/*
 * To write, but never waiting and never failing: false as well if somebody has
 * locked the table, if it is going, or is not as it was made.
 */
bool
open_record_unless_locked(RecordTable *table)
{
	Oid			relid = find_table(table);

	if (!OidIsValid(relid) ||
		!ConditionalLockRelationOid(relid, RowExclusiveLock))
		return false;
	table->lockmode = RowExclusiveLock;
	table->rel = try_relation_open(relid, NoLock);
	if (table->rel == NULL)
		return false;
	if (is_as_made(table))
		return true;
	close_record(table);
	return false;
}

/* Who has written keeps the lock until the transaction ends */
void
close_record(RecordTable *table)
{
	relation_close(table->rel,
				   table->lockmode == AccessShareLock ? AccessShareLock : NoLock);
}

static Datum
get_column(const RecordTable *table, HeapTuple tuple, int column, bool *is_null)
{
	return heap_getattr(tuple, column + 1, RelationGetDescr(table->rel),
						is_null);
}

/* Empty for what somebody has made nullable and null */
static char *
get_text(const RecordTable *table, HeapTuple tuple, int column)
{
	bool		is_null;
	Datum		value = get_column(table, tuple, column, &is_null);

	return is_null ? pstrdup("") : TextDatumGetCString(value);
}

void
read_row(const RecordTable *table, HeapTuple tuple, RecordRow *row)
{
	bool		is_null;

	row->extension = DatumGetObjectId(get_column(table, tuple, COLUMN_EXTENSION,
												 &is_null));
	row->name = get_text(table, tuple, COLUMN_NAME);
	row->full_name = get_text(table, tuple, COLUMN_FULL_NAME);
	row->version = get_text(table, tuple, COLUMN_VERSION);
	row->digest = get_text(table, tuple, COLUMN_DIGEST);
	row->repository = get_text(table, tuple, COLUMN_REPOSITORY);
	row->installed_at = DatumGetTimestampTz(get_column(table, tuple,
													   COLUMN_INSTALLED_AT,
													   &is_null));
}

/*
 * How far a row is believed of the extension with that oid, which has its name.
 */
Belief
believe_row(const RecordTable *table, HeapTuple tuple, Oid extension)
{
	bool		is_null;
	bool		has_oid = DatumGetObjectId(get_column(table, tuple,
													  COLUMN_EXTENSION,
													  &is_null)) == extension;
	Datum		value;

	if (!table->has_lineage)
		return has_oid ? WRITTEN_HERE : NOT_BELIEVED;
	value = get_column(table, tuple, COLUMN_LINEAGE, &is_null);
	if (is_null ||
		memcmp(DatumGetUUIDP(value), &table->lineage, UUID_LEN) != 0)
		return NOT_BELIEVED;
	value = get_column(table, tuple, COLUMN_CLUSTER, &is_null);
	if (is_null)
		return NOT_BELIEVED;
	if (DatumGetInt64(value) != (int64) GetSystemIdentifier())
		return WRITTEN_BEFORE_UPGRADE;
	return has_oid ? WRITTEN_HERE : NOT_BELIEVED;
}

/* Indexes that somebody has made are kept up, if that takes no expression */
static void
check_indexes(CatalogIndexState indexes)
{
	for (int i = 0; i < indexes->ri_NumIndices; i++)
	{
		IndexInfo  *info = indexes->ri_IndexRelationInfo[i];

		if (info->ii_Expressions || info->ii_Predicate || info->ii_ExclusionOps)
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("could not write to table \"%s\" of extension \"pginstall\"",
							RelationGetRelationName(indexes->ri_RelationDesc)),
					 errdetail("It has an index with expressions, a predicate or exclusion."),
					 errhint("Drop that index.")));
	}
}

/* As written by this cluster */
void
insert_row(RecordTable *table, const RecordRow *row)
{
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS] = {false};
	CatalogIndexState indexes;
	HeapTuple	tuple;

	Assert(table->has_lineage);
	values[COLUMN_EXTENSION] = ObjectIdGetDatum(row->extension);
	values[COLUMN_NAME] = CStringGetTextDatum(row->name);
	values[COLUMN_FULL_NAME] = CStringGetTextDatum(row->full_name);
	values[COLUMN_VERSION] = CStringGetTextDatum(row->version);
	values[COLUMN_DIGEST] = CStringGetTextDatum(row->digest);
	values[COLUMN_REPOSITORY] = CStringGetTextDatum(row->repository);
	values[COLUMN_INSTALLED_AT] = TimestampTzGetDatum(row->installed_at);
	values[COLUMN_LINEAGE] = UUIDPGetDatum(&table->lineage);
	values[COLUMN_CLUSTER] = Int64GetDatum((int64) GetSystemIdentifier());

	tuple = heap_form_tuple(RelationGetDescr(table->rel), values, nulls);
	indexes = CatalogOpenIndexes(table->rel);
	check_indexes(indexes);
	CatalogTupleInsertWithInfo(table->rel, tuple, indexes);
	CatalogCloseIndexes(indexes);
}

/*
 * What somebody else is deleting at this moment is left to them: a row too many
 * is not believed, and an error would fail the statement for nothing.
 */
void
delete_row(RecordTable *table, HeapTuple tuple)
{
	TM_FailureData failure;

	(void) table_tuple_delete(table->rel, &tuple->t_self,
							  GetCurrentCommandId(true), InvalidSnapshot,
							  InvalidSnapshot, false, &failure, false);
}
