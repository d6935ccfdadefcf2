/*
 * sidecar_answer.c
 *		What the sidecar has placed, and the statement that uses it.
 */
#include "postgres.h"

#include "extension_root.h"
#include "module_path.h"
#include "names.h"
#include "process_utility.h"
#include "script_rewrite.h"
#include "sidecar_answer.h"
#include "sidecar_client.h"

/* The sidecar must answer what it was asked for */
static void
check_result_fits(const CreateResult *result, const char *name,
				  const char *version)
{
	const ResultExtension *first = linitial(result->extensions);
	const char *answered = is_full_name(name) ? first->full_name : first->name;

	if (strcmp(answered, name) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_SYSTEM_ERROR),
				 errmsg("the pginstall sidecar answered for another extension"),
				 errdetail("It was asked for \"%s\" and answered \"%s\".",
						   name, answered)));
	if (version && strcmp(first->sql_version, version) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_SYSTEM_ERROR),
				 errmsg("the pginstall sidecar answered for another version"),
				 errdetail("It was asked for version \"%s\" of \"%s\" and answered \"%s\".",
						   version, name, first->sql_version)));
}

/*
 * Asks, and makes sure that the answer is safe to use; root is where
 * PostgreSQL is to look. NULL where the sidecar refuses.
 */
CreateResult *
try_for_extension(const char *request, const char *name, const char *version,
				  char **root, const Answer **refusal)
{
	uid_t		sidecar;
	Answer	   *answer = try_sidecar(request, REQUEST_CREATE_EXTENSION,
									 &sidecar);

	if (answer->kind == ANSWER_ERROR)
	{
		*refusal = answer;
		return NULL;
	}
	check_result_fits(answer->created, name, version);
	check_modules_found(answer->created);
	*root = checked_extension_root(answer->created, sidecar);
	return answer->created;
}

/* The same; what the sidecar refuses is raised as it is */
CreateResult *
ask_for_extension(const char *request, const char *name, const char *version,
				  char **root)
{
	const Answer *refusal;
	CreateResult *result = try_for_extension(request, name, version, root,
											 &refusal);

	if (result == NULL)
		report_answer(refusal);
	return result;
}

/* Hands the statement on while PostgreSQL finds what the sidecar has placed */
void
chain_in_root(const CreateResult *result, const char *root, UTILITY_PARAMS)
{
	const CreateResult *outer = current_result;
	volatile bool completed = false;
	ExtensionRoot saved;

	enter_extension_root(&saved, root);
	current_result = result;
	PG_TRY();
	{
		chain_utility(UTILITY_ARGS);
		completed = true;
	}
	PG_FINALLY();
	{
		current_result = outer;
		leave_extension_root(&saved, completed);
	}
	PG_END_TRY();
}
