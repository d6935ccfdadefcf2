/*
 * drop_hook.h
 *		What is done when an extension is dropped, in whatever way.
 */
#ifndef PGINSTALL_DROP_HOOK_H
#define PGINSTALL_DROP_HOOK_H

extern void install_drop_hook(void);

#endif							/* PGINSTALL_DROP_HOOK_H */
