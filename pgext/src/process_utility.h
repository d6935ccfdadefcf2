/*
 * process_utility.h
 *		The statements that we take part in.
 */
#ifndef PGINSTALL_PROCESS_UTILITY_H
#define PGINSTALL_PROCESS_UTILITY_H

extern void install_utility_hook(void);

#endif							/* PGINSTALL_PROCESS_UTILITY_H */
