/*
 * guc.h
 *		The settings pginstall.*, as the server has them now.
 */
#ifndef PGINSTALL_GUC_H
#define PGINSTALL_GUC_H

#include "nodes/pg_list.h"

extern char *pginstall_socket;
extern char *pginstall_directory;
extern char *pginstall_sidecar_user;
extern char *pginstall_prefer;
extern int	pginstall_timeout;	/* milliseconds, 0 for none */
extern bool pginstall_downgrade;

extern void define_settings(void);
extern List *prefer_patterns(void);

#endif							/* PGINSTALL_GUC_H */
