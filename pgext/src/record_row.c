/*
 * record_row.c
 *		The rows of the record: read, believed, written and deleted.
 *
 * A row is believed if it was written in this lineage of databases. Each
 * CREATE EXTENSION pginstall begins one; pg_upgrade and physical copies carry
 * it on, while a dump that is restored brings rows of another. So after
 * pg_upgrade, which gives extensions new oids, the name is enough for what
 * another cluster has written; what this one has written must have the oid,
 * since extensions may go and come back without a word to us.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/indexing.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "nodes/execnodes.h"
#include "record_row.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

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

/* Whether the table has the columns that our scripts have made, and no others */
bool
has_record_columns(const RecordTable *table)
{
	TupleDesc	desc = RelationGetDescr(table->rel);
	int			natts = table->has_lineage ? COLUMNS : COLUMNS_OF_0_1;

	if (desc->natts != natts)
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

	(void) delete_tuple(table->rel, &tuple->t_self, GetCurrentCommandId(true),
						&failure);
}
