/*
 * remembered_request.h
 *		Asking for what the database has chosen.
 */
#ifndef PGINSTALL_REMEMBERED_REQUEST_H
#define PGINSTALL_REMEMBERED_REQUEST_H

#include "message.h"
#include "nodes/parsenodes.h"
#include "remembered.h"

extern CreateResult *ask_for_choice(const RememberedChoice *choice,
									CreateExtensionStmt *stmt, bool cascade,
									const List *installed, char **root);

#endif							/* PGINSTALL_REMEMBERED_REQUEST_H */
