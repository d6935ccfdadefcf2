/*
 * library_hook.h
 *		Modules of ours that this machine does not have yet, at first use.
 */
#ifndef PGINSTALL_LIBRARY_HOOK_H
#define PGINSTALL_LIBRARY_HOOK_H

extern void install_library_hook(void);
extern void need_function(Oid function);
extern void need_library(const char *library);

/* plan_modules.c */
extern void install_plan_hook(void);

#endif							/* PGINSTALL_LIBRARY_HOOK_H */
