/*
 * record_table.h
 *		The table of the record: found, checked and opened.
 */
#ifndef PGINSTALL_RECORD_TABLE_H
#define PGINSTALL_RECORD_TABLE_H

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

extern bool open_record(RecordTable *table, LOCKMODE lockmode);
extern bool open_record_unless_locked(RecordTable *table, LOCKMODE lockmode);
extern void close_record(RecordTable *table);

#endif							/* PGINSTALL_RECORD_TABLE_H */
