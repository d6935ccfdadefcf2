/*
 * answer_json.c
 *		Answers as JSON: a line into jsonb, and its members with their types.
 *
 * PostgreSQL's own jsonb does the parsing, so that no other library is needed.
 */
#include "postgres.h"

#include "answer_json.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

JsonbContainer *
object_of(const JsonbValue *value, const char *what)
{
	if (value == NULL || value->type != jbvBinary ||
		!JsonContainerIsObject(value->val.binary.data))
		bad_answer("\"%s\" is missing or not an object.", what);
	return value->val.binary.data;
}

JsonbValue *
member_of(JsonbContainer *object, const char *name)
{
	return getKeyJsonValueFromContainer(object, name, strlen(name), NULL);
}

char *
string_of(const JsonbValue *value)
{
	return pnstrdup(value->val.string.val, value->val.string.len);
}

/* NULL if there is no such member */
char *
optional_string(JsonbContainer *object, const char *name)
{
	JsonbValue *value = member_of(object, name);

	if (value == NULL)
		return NULL;
	if (value->type != jbvString)
		bad_answer("\"%s\" is not a string.", name);
	return string_of(value);
}

char *
required_string(JsonbContainer *object, const char *name)
{
	char	   *text = optional_string(object, name);

	if (text == NULL)
		bad_answer("\"%s\" is missing.", name);
	return text;
}

/* The elements of an array of objects, as a list of JsonbContainer */
List *
required_objects(JsonbContainer *object, const char *name)
{
	JsonbValue *value = member_of(object, name);
	List	   *objects = NIL;
	JsonbContainer *array;

	if (value == NULL || value->type != jbvBinary ||
		!JsonContainerIsArray(value->val.binary.data))
		bad_answer("\"%s\" is missing or not an array.", name);
	array = value->val.binary.data;
	for (uint32 i = 0; i < JsonContainerSize(array); i++)
		objects = lappend(objects,
						  object_of(getIthJsonbValueFromContainer(array, i),
									name));
	return objects;
}

/*
 * The line in the database's encoding, as jsonb. What PostgreSQL has against
 * it becomes DETAIL of our own error; nothing is swallowed, so the abort that
 * follows cleans up, and no subtransaction is needed.
 */
Jsonb *
read_answer_json(const char *line, int length)
{
	MemoryContext context = CurrentMemoryContext;
	Jsonb	   *volatile json = NULL;

	PG_TRY();
	{
		char	   *text = pg_any_to_server(line, length, PG_UTF8);

		json = DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
												  CStringGetDatum(text)));
	}
	PG_CATCH();
	{
		ErrorData  *edata;
		int			category;

		MemoryContextSwitchTo(context);
		edata = CopyErrorData();
		FlushErrorState();
		category = ERRCODE_TO_CATEGORY(edata->sqlerrcode);
		if (category != ERRCODE_DATA_EXCEPTION &&
			category != ERRCODE_PROGRAM_LIMIT_EXCEEDED)
			ReThrowError(edata);
		bad_answer("PostgreSQL cannot read the answer: %s.", edata->message);
	}
	PG_END_TRY();
	return json;
}
