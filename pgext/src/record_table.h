/*
 * record_table.h
 *		The table of the record: found, checked, read and changed.
 */
#ifndef PGINSTALL_RECORD_TABLE_H
#define PGINSTALL_RECORD_TABLE_H

#include "access/htup.h"
#include "datatype/timestamp.h"
#include "storage/lockdefs.h"
#include "utils/relcache.h"
#include "utils/uuid.h"

typedef struct RecordTable
{
	Relation	rel;
	LOCKMODE	lockmode;
	bool		has_lineage;	/* false for what version 0.1 has made */
	pg_uuid_t	lineage;
} RecordTable;

/* How far a row is believed to tell of an installed extension */
typedef enum Belief
{
	NOT_BELIEVED,
	WRITTEN_BEFORE_UPGRADE,
	WRITTEN_HERE
} Belief;

typedef struct RecordRow
{
	Oid			extension;
	char	   *name;
	char	   *full_name;
	char	   *version;
	char	   *digest;
	char	   *repository;
	TimestampTz installed_at;
} RecordRow;

extern bool open_record(RecordTable *table, LOCKMODE lockmode);
extern bool open_record_unless_locked(RecordTable *table);
extern void close_record(RecordTable *table);
extern void read_row(const RecordTable *table, HeapTuple tuple, RecordRow *row);
extern Belief believe_row(const RecordTable *table, HeapTuple tuple,
						  Oid extension);
extern void insert_row(RecordTable *table, const RecordRow *row);
extern void delete_row(RecordTable *table, HeapTuple tuple);

#endif							/* PGINSTALL_RECORD_TABLE_H */
