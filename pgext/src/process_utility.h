/*
 * process_utility.h
 *		The statements that we take part in.
 */
#ifndef PGINSTALL_PROCESS_UTILITY_H
#define PGINSTALL_PROCESS_UTILITY_H

#include "compat.h"

extern void install_utility_hook(void);
extern void chain_utility(UTILITY_PARAMS);

/* create_extension.c, update_extension.c */
extern void create_extension(UTILITY_PARAMS);
extern void update_extension(UTILITY_PARAMS);

/* installed_names.c */
extern PlannedStmt *with_short_names(PlannedStmt *pstmt,
									 const char *query_string);

/* lost_record.c */
extern void warn_of_lost_record(Node *stmt);

#endif							/* PGINSTALL_PROCESS_UTILITY_H */
