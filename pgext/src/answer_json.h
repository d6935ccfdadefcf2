/*
 * answer_json.h
 *		Answers as JSON: a line into jsonb, and its members with their types.
 */
#ifndef PGINSTALL_ANSWER_JSON_H
#define PGINSTALL_ANSWER_JSON_H

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

/* The one error for whatever the protocol does not allow */
#define bad_answer(...) \
	ereport(ERROR, \
			(errcode(ERRCODE_SYSTEM_ERROR), \
			 errmsg("the pginstall sidecar does not answer as the protocol says"), \
			 errdetail(__VA_ARGS__)))

extern Jsonb *read_answer_json(const char *line, int length);

extern JsonbValue *member_of(JsonbContainer *object, const char *name);
extern JsonbContainer *object_of(const JsonbValue *value, const char *what);
extern char *string_of(const JsonbValue *value);
extern char *optional_string(JsonbContainer *object, const char *name);
extern char *required_string(JsonbContainer *object, const char *name);
extern List *required_objects(JsonbContainer *object, const char *name);

#endif							/* PGINSTALL_ANSWER_JSON_H */
