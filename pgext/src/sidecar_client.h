/*
 * sidecar_client.h
 *		One request to the sidecar, and its answer.
 */
#ifndef PGINSTALL_SIDECAR_CLIENT_H
#define PGINSTALL_SIDECAR_CLIENT_H

#include "message.h"

extern void notify_sidecar(const char *request);
extern Answer *try_sidecar(const char *request, RequestKind kind, uid_t *peer);
extern Answer *ask_sidecar(const char *request, RequestKind kind, uid_t *peer);
extern void report_answer(const Answer *answer);

#endif							/* PGINSTALL_SIDECAR_CLIENT_H */
