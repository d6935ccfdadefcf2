/*
 * sidecar_answer.h
 *		What the sidecar has placed, and the statement that uses it.
 */
#ifndef PGINSTALL_SIDECAR_ANSWER_H
#define PGINSTALL_SIDECAR_ANSWER_H

#include "compat.h"
#include "message.h"

extern CreateResult *try_for_extension(const char *request, const char *name,
									   const char *version, char **root,
									   const Answer **refusal);
extern CreateResult *ask_for_extension(const char *request, const char *name,
									   const char *version, char **root);
extern void chain_in_root(const CreateResult *result, const char *root,
						  UTILITY_PARAMS);

#endif							/* PGINSTALL_SIDECAR_ANSWER_H */
