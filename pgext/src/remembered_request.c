/*
 * remembered_request.c
 *		Asking for what the database has chosen.
 *
 * A dump may be older than what repositories have: where that version is gone,
 * the provider's newest one is the next best, and where the provider is gone,
 * what the bare name means without a choice. Both are said aloud. What policy
 * refuses, or cannot be reached now, is not gone.
 */
#include "postgres.h"

#include "names.h"
#include "nodes/makefuncs.h"
#include "nodes/value.h"
#include "remembered_request.h"
#include "request.h"
#include "sidecar_answer.h"
#include "sidecar_client.h"

/* protocol/sqlstates.json */
#define ERRCODE_NO_SUITABLE_ARCHIVE MAKE_SQLSTATE('P','I','0','0','2')

static void
check_gone(const Answer *refusal)
{
	if (refusal->sqlerrcode != ERRCODE_UNDEFINED_OBJECT &&
		refusal->sqlerrcode != ERRCODE_NO_SUITABLE_ARCHIVE)
		report_answer(refusal);
}

/* A sentence made of a message */
static char *
sentence(const Answer *refusal)
{
	char	   *text = psprintf("%s.", refusal->message);

	text[0] = pg_ascii_toupper((unsigned char) text[0]);
	return text;
}

/* NULL if it is gone, whatever version */
CreateResult *
ask_for_choice(const RememberedChoice *choice, CreateExtensionStmt *stmt,
			   bool cascade, const List *installed, char **root)
{
	const char *full_name = choice->full_name;
	const Answer *refusal;
	CreateResult *result;

	result = try_for_extension(create_extension_request(full_name,
														choice->version, cascade,
														installed),
							   full_name, choice->version, root, &refusal);
	if (result)
	{
		stmt->options = lappend(stmt->options,
								makeDefElem("new_version",
											(Node *) makeString(pstrdup(choice->sql_version)),
											-1));
		return result;
	}

	/* a pin refuses the version only */
	if (refusal->sqlerrcode != ERRCODE_INSUFFICIENT_PRIVILEGE)
		check_gone(refusal);
	ereport(WARNING,
			(errmsg("version %s of extension \"%s\", which this database had chosen, is not to be had",
					choice->version, full_name),
			 errdetail_internal("%s", sentence(refusal)),
			 errhint("Its newest version is taken.")));

	result = try_for_extension(create_extension_request(full_name, NULL, cascade,
														installed),
							   full_name, NULL, root, &refusal);
	if (result)
		return result;
	check_gone(refusal);
	ereport(WARNING,
			(errmsg("extension \"%s\", which this database had chosen, is not to be had",
					full_name),
			 errdetail_internal("%s", sentence(refusal)),
			 errhint("Whatever is called \"%s\" without it is taken.",
					 short_name_of(full_name))));

	/* the line has been of use */
	remember_at_commit();
	return NULL;
}
