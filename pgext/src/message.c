/*
 * message.c
 *		What the sidecar answers, parsed and checked.
 *
 * The sidecar is trusted with what PostgreSQL executes, but a message must not
 * crash the backend or reach a file name unchecked: a sidecar of another
 * version, or one with a bug, gets an error that says what is wrong with the
 * answer.
 */
#include "postgres.h"

#include "answer_json.h"
#include "message.h"
#include "names.h"

#define DIGEST_BYTES 64

static const struct
{
	const char *name;
	AnswerKind	kind;
}			answer_kinds[] = {
	{"notice", ANSWER_NOTICE},
	{"error", ANSWER_ERROR},
	{"result", ANSWER_RESULT}
};

typedef struct Member
{
	const char *name;
	enum jbvType type;
	bool		nullable;
} Member;

static const Member search_members[] = {
	{"name", jbvString}, {"full_name", jbvString}, {"version", jbvString},
	{"description", jbvString}, {"repository", jbvString},
	{"installable", jbvBool}
};
static const Member status_members[] = {
	{"version", jbvString}, {"target", jbvString}, {"directory", jbvString}
};
static const Member repository_members[] = {
	{"name", jbvString}, {"uri", jbvString}, {"index_version", jbvNumeric, true},
	{"updated", jbvString, true}, {"expires", jbvString, true}
};

static void
check_members(JsonbContainer *object, const Member *members, int count)
{
	for (int i = 0; i < count; i++)
	{
		JsonbValue *value = member_of(object, members[i].name);

		if (value == NULL)
			bad_answer("\"%s\" is missing.", members[i].name);
		if (value->type != members[i].type &&
			!(members[i].nullable && value->type == jbvNull))
			bad_answer("\"%s\" has the wrong type.", members[i].name);
	}
}

static void
check_fault(const char *what, const char *text, const char *fault)
{
	if (fault)
		bad_answer("The %s \"%s\" breaks the grammar: %s", what, text, fault);
}

/*
 * An error's code. One of the classes of success and warnings would not be an
 * error to whoever reads it: those become 58000.
 */
static int
parse_sqlstate(const char *text)
{
	if (strlen(text) != 5 ||
		strspn(text, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 5)
		bad_answer("\"sqlstate\" is not five digits and upper-case letters.");
	if (text[0] == '0' && strchr("012", text[1]))
		return ERRCODE_SYSTEM_ERROR;
	return MAKE_SQLSTATE(text[0], text[1], text[2], text[3], text[4]);
}

/* A notice ends nothing: no level from ERROR up is one */
static int
parse_severity(const char *text)
{
	if (text == NULL || strcmp(text, "NOTICE") == 0)
		return NOTICE;
	if (strcmp(text, "WARNING") != 0)
		bad_answer("\"severity\" is neither NOTICE nor WARNING.");
	return WARNING;
}

static void
parse_report(JsonbContainer *report, Answer *answer)
{
	if (answer->kind == ANSWER_ERROR)
	{
		answer->elevel = ERROR;
		answer->sqlerrcode = parse_sqlstate(required_string(report, "sqlstate"));
	}
	else
		answer->elevel = parse_severity(optional_string(report, "severity"));
	answer->message = required_string(report, "message");
	answer->detail = optional_string(report, "detail");
	answer->hint = optional_string(report, "hint");
}

/*
 * The map of an extension's modules. The link's name follows from module and
 * provider; an answer that says otherwise would let one provider load
 * another's code.
 */
static List *
parse_modules(JsonbContainer *object, const char *full_name)
{
	JsonbContainer *map = object_of(member_of(object, "modules"), "modules");
	JsonbIterator *it = JsonbIteratorInit(map);
	JsonbValue	value;
	List	   *modules = NIL;
	JsonbIteratorToken token;

	while ((token = JsonbIteratorNext(&it, &value, true)) != WJB_DONE)
	{
		ModuleLink *link;

		if (token != WJB_KEY)
			continue;
		link = palloc(sizeof(ModuleLink));
		link->module = string_of(&value);
		check_fault("module name", link->module,
					module_fault(link->module, strlen(link->module)));
		JsonbIteratorNext(&it, &value, true);
		if (value.type != jbvString)
			bad_answer("The library of module \"%s\" is not a string.",
					   link->module);
		link->library = string_of(&value);
		if (strcmp(link->library,
				   unique_module_name(link->module, full_name)) != 0)
			bad_answer("Module \"%s\" of \"%s\" cannot be named \"%s\".",
					   link->module, full_name, link->library);
		if (strlen(link->library) > MAX_UNIQUE_MODULE_BYTES)
			bad_answer("The module name \"%s\" has more than %d bytes.",
					   link->library, MAX_UNIQUE_MODULE_BYTES);
		modules = lappend(modules, link);
	}
	return modules;
}

static ResultExtension *
parse_extension(JsonbContainer *object)
{
	ResultExtension *extension = palloc(sizeof(ResultExtension));

	extension->name = required_string(object, "name");
	extension->full_name = required_string(object, "full_name");
	extension->version = required_string(object, "version");
	extension->sql_version = optional_string(object, "sql_version");
	if (extension->sql_version == NULL)
		extension->sql_version = extension->version;
	extension->digest = required_string(object, "digest");
	extension->repository = required_string(object, "repository");

	check_fault("full name", extension->full_name,
				full_name_fault(extension->full_name,
								strlen(extension->full_name)));
	if (strcmp(extension->name, short_name_of(extension->full_name)) != 0)
		bad_answer("\"%s\" is not the short name of \"%s\".",
				   extension->name, extension->full_name);
	check_fault("version", extension->version,
				version_fault(extension->version, strlen(extension->version)));
	check_fault("version", extension->sql_version,
				version_fault(extension->sql_version,
							  strlen(extension->sql_version)));
	if (strlen(extension->digest) != DIGEST_BYTES ||
		strspn(extension->digest, "0123456789abcdef") != DIGEST_BYTES)
		bad_answer("\"digest\" is not a SHA-256 in lower-case hexadecimal.");

	extension->modules = parse_modules(object, extension->full_name);
	return extension;
}

static CreateResult *
parse_create_result(JsonbContainer *object)
{
	CreateResult *result = palloc0(sizeof(CreateResult));
	ListCell   *lc;

	result->exec_path = required_string(object, "exec_path");
	result->control_path = required_string(object, "control_path");
	result->module_path = required_string(object, "module_path");

	foreach(lc, required_objects(object, "extensions"))
	{
		ResultExtension *extension = parse_extension(lfirst(lc));
		ListCell   *seen;

		foreach(seen, result->extensions)
		{
			if (strcmp(((ResultExtension *) lfirst(seen))->name,
					   extension->name) == 0)
				bad_answer("Extension \"%s\" stands twice in the result.",
						   extension->name);
		}
		result->extensions = lappend(result->extensions, extension);
	}
	if (result->extensions == NIL)
		bad_answer("\"extensions\" is empty.");
	return result;
}

/* Listings go to SQL as they are, once each member is what SQL expects */
static void
check_listing(JsonbContainer *object, RequestKind request)
{
	ListCell   *lc;

	if (request == REQUEST_SEARCH)
	{
		foreach(lc, required_objects(object, "extensions"))
			check_members(lfirst(lc), search_members, lengthof(search_members));
		return;
	}
	check_members(object, status_members, lengthof(status_members));
	foreach(lc, required_objects(object, "repositories"))
		check_members(lfirst(lc), repository_members,
					  lengthof(repository_members));
}

/*
 * One line, without its line feed and with a NUL after it, as an answer to
 * that kind of request. Raises 58000 for anything else.
 */
Answer *
parse_answer(const char *line, int length, RequestKind request)
{
	Answer	   *answer = palloc0(sizeof(Answer));
	JsonbValue *body = NULL;
	const char *name = NULL;
	JsonbContainer *object;
	Jsonb	   *json;

	if (length > MAX_MESSAGE_BYTES)
		bad_answer("A line has more than %d bytes.", MAX_MESSAGE_BYTES);
	if (memchr(line, '\0', length) != NULL)
		bad_answer("A line has a NUL.");
	json = read_answer_json(line, length);
	if (!JB_ROOT_IS_OBJECT(json))
		bad_answer("A line is not a JSON object.");

	for (int i = 0; i < lengthof(answer_kinds); i++)
	{
		JsonbValue *found = member_of(&json->root, answer_kinds[i].name);

		if (found && body)
			bad_answer("A line has more than one of notice, error and result.");
		if (found)
		{
			body = found;
			name = answer_kinds[i].name;
			answer->kind = answer_kinds[i].kind;
		}
	}
	if (body == NULL)
		bad_answer("A line has none of notice, error and result.");
	object = object_of(body, name);

	if (answer->kind != ANSWER_RESULT)
		parse_report(object, answer);
	else if (request == REQUEST_CREATE_EXTENSION)
		answer->created = parse_create_result(object);
	else if (request == REQUEST_LOAD_MODULE)
		answer->module_path = required_string(object, "module_path");
	else
	{
		check_listing(object, request);
		answer->listing = JsonbValueToJsonb(body);
	}
	return answer;
}
