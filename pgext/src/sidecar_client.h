/*
 * sidecar_client.h
 *		One request to the sidecar, and its answer.
 */
#ifndef PGINSTALL_SIDECAR_CLIENT_H
#define PGINSTALL_SIDECAR_CLIENT_H

#include "message.h"

extern void notify_sidecar(const char *request);
extern Answer *ask_sidecar(const char *request, RequestKind kind, uid_t *peer);

#endif							/* PGINSTALL_SIDECAR_CLIENT_H */
