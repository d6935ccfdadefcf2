/*
 * plan_modules.c
 *		The modules that a plan may need while it holds locks of buffers.
 *
 * Types are compared and index entries placed while a page is locked, where a
 * missing module could not be waited for. So before a plan runs, the functions
 * behind its relations' types, operator classes and triggers are looked at;
 * once in a session, unless the relation changes.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/transam.h"
#include "catalog/pg_amproc.h"
#include "catalog/pg_index.h"
#include "catalog/pg_opclass.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "executor/executor.h"
#include "library_hook.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/catcache.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

static HTAB *seen_relations = NULL;
static ExecutorStart_hook_type previous_start_hook = NULL;

static void look_through_plan(QueryDesc *query, int flags);
static void forget_relation(Datum arg, Oid relation);
static void need_type(Oid type);

void
install_plan_hook(void)
{
	HASHCTL		control;

	memset(&control, 0, sizeof(control));
	control.keysize = sizeof(Oid);
	control.entrysize = sizeof(Oid);
	seen_relations = hash_create("pginstall relations", 64, &control,
								 HASH_ELEM | HASH_BLOBS);
	CacheRegisterRelcacheCallback(forget_relation, (Datum) 0);

	previous_start_hook = ExecutorStart_hook;
	ExecutorStart_hook = look_through_plan;
}

static void
forget_relation(Datum arg, Oid relation)
{
	HASH_SEQ_STATUS all;
	Oid		   *entry;

	if (OidIsValid(relation))
	{
		hash_search(seen_relations, &relation, HASH_REMOVE, NULL);
		return;
	}
	hash_seq_init(&all, seen_relations);
	while ((entry = hash_seq_search(&all)) != NULL)
		hash_search(seen_relations, entry, HASH_REMOVE, NULL);
}

static void
need_columns(TupleDesc columns)
{
	for (int i = 0; i < columns->natts; i++)
	{
		if (!TupleDescAttr(columns, i)->attisdropped)
			need_type(TupleDescAttr(columns, i)->atttypid);
	}
}

/* What compares and hashes values of the type, and of those it is made of */
static void
need_type(Oid type)
{
	TypeCacheEntry *entry;
	TupleDesc	columns;

	if (type < FirstNormalObjectId)
		return;
	check_stack_depth();
	switch (get_typtype(type))
	{
		case TYPTYPE_DOMAIN:
			need_type(getBaseType(type));
			return;
		case TYPTYPE_COMPOSITE:
			columns = lookup_rowtype_tupdesc(type, -1);
			need_columns(columns);
			ReleaseTupleDesc(columns);
			return;
		case TYPTYPE_RANGE:
			/* looks up the functions of the range's own operator class, too */
			entry = lookup_type_cache(type, TYPECACHE_RANGE_INFO);
			need_type(entry->rngelemtype->type_id);
			return;
		case TYPTYPE_BASE:
			break;
		default:
			need_type(range_of_multirange(type));
			return;
	}
	if (OidIsValid(get_element_type(type)))
	{
		need_type(get_element_type(type));
		return;
	}
	entry = lookup_type_cache(type, TYPECACHE_EQ_OPR | TYPECACHE_CMP_PROC |
							  TYPECACHE_HASH_PROC);
	need_function(get_opcode(entry->eq_opr));
	need_function(entry->cmp_proc);
	need_function(entry->hash_proc);
}

/* All that operator classes of extensions bring for the index */
static void
need_operator_classes(Oid index)
{
	HeapTuple	tuple = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(index));
	oidvector  *classes;
	bool		is_null;

	if (!HeapTupleIsValid(tuple))
		return;
	classes = (oidvector *)
		DatumGetPointer(SysCacheGetAttr(INDEXRELID, tuple,
										Anum_pg_index_indclass, &is_null));
	for (int i = 0; i < classes->dim1; i++)
	{
		CatCList   *functions;

		if (classes->values[i] < FirstNormalObjectId)
			continue;
		functions = SearchSysCacheList1(AMPROCNUM,
										ObjectIdGetDatum(get_opclass_family(classes->values[i])));
		for (int j = 0; j < functions->n_members; j++)
			need_function(((Form_pg_amproc)
						   GETSTRUCT(&functions->members[j]->tuple))->amproc);
		ReleaseSysCacheList(functions);
	}
	ReleaseSysCache(tuple);
}

static void
need_relation(Oid relid)
{
	Relation	relation = relation_open(relid, AccessShareLock);
	List	   *indexes = RelationGetIndexList(relation);
	ListCell   *lc;

	need_columns(RelationGetDescr(relation));
	foreach(lc, indexes)
		need_operator_classes(lfirst_oid(lc));
	list_free(indexes);
	if (relation->trigdesc)
	{
		for (int i = 0; i < relation->trigdesc->numtriggers; i++)
			need_function(relation->trigdesc->triggers[i].tgfoid);
	}
	relation_close(relation, AccessShareLock);
}

static void
look_through_plan(QueryDesc *query, int flags)
{
	ListCell   *lc;

	foreach(lc, query->plannedstmt->rtable)
	{
		RangeTblEntry *entry = lfirst_node(RangeTblEntry, lc);

		if (entry->rtekind != RTE_RELATION ||
			entry->relid < FirstNormalObjectId ||
			hash_search(seen_relations, &entry->relid, HASH_FIND, NULL))
			continue;
		need_relation(entry->relid);
		hash_search(seen_relations, &entry->relid, HASH_ENTER, NULL);
	}
	if (previous_start_hook)
		previous_start_hook(query, flags);
	else
		standard_ExecutorStart(query, flags);
}
