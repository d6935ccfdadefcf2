/*
 * remembered.h
 *		What the database has chosen, in a form that travels in a dump.
 */
#ifndef PGINSTALL_REMEMBERED_H
#define PGINSTALL_REMEMBERED_H

#include "remembered_comment.h"

extern const RememberedChoice *remembered_choice(const char *short_name);
extern void take_over_schema(void);
extern void remember_at_commit(void);
extern void forget_at_commit(const char *short_name);

#endif							/* PGINSTALL_REMEMBERED_H */
