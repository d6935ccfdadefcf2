/*
 * drop_hook.c
 *		What is done when an extension is dropped, in whatever way.
 *
 * DROP OWNED, DROP SCHEMA and DROP EXTENSION of another one, each with
 * CASCADE, drop extensions that no statement names. PostgreSQL tells of every
 * object just before it deletes it.
 */
#include "postgres.h"

#include "catalog/objectaccess.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "drop_hook.h"
#include "miscadmin.h"
#include "record.h"
#include "remembered.h"

static object_access_hook_type previous_hook = NULL;

static void
object_access(ObjectAccessType access, Oid classId, Oid objectId, int subId,
			  void *arg)
{
	char	   *name;

	if (previous_hook)
		previous_hook(access, classId, objectId, subId, arg);
	if (access != OAT_DROP || classId != ExtensionRelationId || IsBinaryUpgrade)
		return;
	name = get_extension_name(objectId);
	if (name == NULL)
		return;
	forget_extension(name);
	forget_at_commit(name);
}

void
install_drop_hook(void)
{
	previous_hook = object_access_hook;
	object_access_hook = object_access;
}
