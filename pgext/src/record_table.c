/*
 * record_table.c
 *		The table of the record: found, checked and opened.
 *
 * It is used as a catalog is, below the executor: no trigger, rule, policy or
 * operator that somebody has put there runs, it costs no planning, and nothing
 * asks for a replica identity. The price is that the table must be the very
 * one that our extension has made, with the columns it was made with:
 * pg_extension tells which that is, and only an extension's script can make it
 * say so.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "catalog/indexing.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "record_row.h"
#include "record_table.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/rel.h"

#define UUID_TEXT_LENGTH 36

/* As the script of 0.2 sets it for pg_dump; a UUID and a quote follow */
static const char lineage_filter[] = "WHERE lineage OPERATOR(pg_catalog.=) '";

/* The first of an array; false where it has none */
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
		length != prefix + UUID_TEXT_LENGTH + 1 || condition[length - 1] != '\'')
		return false;
	*lineage = *DatumGetUUIDP(DirectFunctionCall1(uuid_in,
												  CStringGetDatum(pnstrdup(condition + prefix, UUID_TEXT_LENGTH))));
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

/* Whether rows can be read and written below the executor */
static bool
is_as_made(const RecordTable *table)
{
	Form_pg_class form = table->rel->rd_rel;

	return form->relkind == RELKIND_RELATION &&
		form->relam == HEAP_TABLE_AM_OID &&
		form->relpersistence == RELPERSISTENCE_PERMANENT &&
		has_record_columns(table);
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
 * The same, but never waiting and never failing: false as well if somebody has
 * locked the table, if it is going, or is not as it was made.
 */
bool
open_record_unless_locked(RecordTable *table, LOCKMODE lockmode)
{
	Oid			relid = find_table(table);

	if (!OidIsValid(relid) ||
		!ConditionalLockRelationOid(relid, lockmode))
		return false;
	table->lockmode = lockmode;
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
