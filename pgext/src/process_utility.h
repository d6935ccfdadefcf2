/*
 * process_utility.h
 *		The hook that CREATE EXTENSION goes through.
 */
#ifndef PGINSTALL_PROCESS_UTILITY_H
#define PGINSTALL_PROCESS_UTILITY_H

extern void install_process_utility_hook(void);

#endif							/* PGINSTALL_PROCESS_UTILITY_H */
