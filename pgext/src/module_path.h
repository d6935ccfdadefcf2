/*
 * module_path.h
 *		Whether the server finds the modules that the sidecar has linked, and
 *		whether a session has the newest of them.
 */
#ifndef PGINSTALL_MODULE_PATH_H
#define PGINSTALL_MODULE_PATH_H

#include "message.h"

extern bool module_is_found(const char *library);
extern void check_modules_found(const CreateResult *result);
extern void require_current_module(const char *library, const char *function);

#endif							/* PGINSTALL_MODULE_PATH_H */
