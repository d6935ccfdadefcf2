/*
 * record_row.h
 *		The rows of the record: read, believed, written and deleted.
 */
#ifndef PGINSTALL_RECORD_ROW_H
#define PGINSTALL_RECORD_ROW_H

#include "access/htup.h"
#include "datatype/timestamp.h"
#include "record_table.h"

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

extern bool has_record_columns(const RecordTable *table);
extern void read_row(const RecordTable *table, HeapTuple tuple, RecordRow *row);
extern Belief believe_row(const RecordTable *table, HeapTuple tuple,
						  Oid extension);
extern void insert_row(RecordTable *table, const RecordRow *row);
extern void delete_row(RecordTable *table, HeapTuple tuple);

#endif							/* PGINSTALL_RECORD_ROW_H */
