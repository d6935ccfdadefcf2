/*
 * module_path.h
 *		Whether the server finds the modules that the sidecar has linked.
 */
#ifndef PGINSTALL_MODULE_PATH_H
#define PGINSTALL_MODULE_PATH_H

#include "message.h"

extern void check_modules_found(const CreateResult *result);

#endif							/* PGINSTALL_MODULE_PATH_H */
