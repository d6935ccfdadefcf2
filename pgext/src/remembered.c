/*
 * remembered.c
 *		What the database has chosen, in a form that travels in a dump.
 *
 * pg_dump writes CREATE EXTENSION prefix: no provider, no version; and the
 * record's rows come after all of those. But a comment on a schema precedes
 * them. So the comment on schema pginstall lists what the record has, a line an
 * extension, and a bare name that has a line, and is not installed, means what
 * that says. A line stays until its extension is created or dropped.
 *
 * Who sets a comment owns the schema, and must not choose for others what code
 * they load. A superuser's schema is believed by everyone; any other only by
 * its owner, who could as well type the full name. When that owner's schema
 * becomes ours, what was believed by nobody else must stay so: those lines end
 * with the role's name.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "commands/comment.h"
#include "commands/extension.h"
#include "miscadmin.h"
#include "names.h"
#include "record.h"
#include "remembered.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#define SCHEMA "pginstall"

/* Of this transaction; they live in TopTransactionContext */
static bool has_written = false;
static List *dropped = NIL;		/* short names */
static List *taken_over = NIL;	/* of RememberedChoice */

/* Without a schema InvalidOid, and the owner is not set */
static Oid
find_schema(Oid *owner)
{
	Oid			schema = get_namespace_oid(SCHEMA, true);
	HeapTuple	tuple;

	if (!OidIsValid(schema))
		return InvalidOid;
	tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(schema));
	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	*owner = ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner;
	ReleaseSysCache(tuple);
	return schema;
}

static bool
is_for_user(const RememberedChoice *choice)
{
	return choice->role == NULL ||
		strcmp(choice->role, GetUserNameFromId(GetUserId(), false)) == 0;
}

static const RememberedChoice *
find_choice(const List *choices, const char *short_name)
{
	ListCell   *lc;

	foreach(lc, choices)
	{
		const RememberedChoice *choice = lfirst(lc);

		if (strcmp(short_name_of(choice->full_name), short_name) == 0 &&
			is_for_user(choice))
			return choice;
	}
	return NULL;
}

/* A subtransaction that dropped it may have been aborted */
static bool
is_dropped(const char *short_name)
{
	ListCell   *lc;

	foreach(lc, dropped)
	{
		if (strcmp(lfirst(lc), short_name) == 0)
			return !OidIsValid(get_extension_oid(short_name, true));
	}
	return false;
}

/* What a short name means to the current user in this database, if it says so */
const RememberedChoice *
remembered_choice(const char *short_name)
{
	const RememberedChoice *choice = find_choice(taken_over, short_name);
	Oid			owner;
	Oid			schema = find_schema(&owner);

	if (choice || !OidIsValid(schema) || is_dropped(short_name) ||
		(owner != GetUserId() && !superuser_arg(owner)))
		return choice;
	return find_choice(parse_comment(GetComment(schema, NamespaceRelationId, 0)),
					   short_name);
}

/*
 * The installed ones, and those that are still to be restored; NULL for none.
 * Without a record, nobody knows better than the lines that are there; nor are
 * more needed for a drop, which is not to wait for the table.
 */
static char *
new_comment(const List *choices)
{
	List	   *installed = has_written ? installed_extensions() : NIL;
	bool		has_record = find_installed(installed, SCHEMA) != NULL;
	StringInfoData text;
	ListCell   *lc;

	begin_comment(&text);
	foreach(lc, installed)
	{
		const InstalledExtension *extension = lfirst(lc);

		if (extension->full_name)
			append_line(&text, extension->full_name, extension->archive_version,
						extension->version, NULL);
	}
	foreach(lc, choices)
	{
		const RememberedChoice *choice = lfirst(lc);
		const char *short_name = short_name_of(choice->full_name);

		if (!is_dropped(short_name) &&
			!(has_record && find_installed(installed, short_name)))
			append_line(&text, choice->full_name, choice->version,
						choice->sql_version, choice->role);
	}
	return strchr(text.data, '\n') ? text.data : NULL;
}

/*
 * Two transactions that change the comment at once: the second one's update
 * would fail. So each takes a lock, as late as it can, for the comment only. A
 * drop waits for nobody, and leaves a line too many rather.
 */
static void
write_comment(void)
{
	Oid			owner;
	Oid			schema = find_schema(&owner);
	List	   *choices;
	char	   *old;
	char	   *new;

	if (!OidIsValid(schema))
		return;
	if (has_written)
		LockDatabaseObject(NamespaceRelationId, schema, 0,
						   ShareUpdateExclusiveLock);
	else if (!ConditionalLockDatabaseObject(NamespaceRelationId, schema, 0,
											ShareUpdateExclusiveLock))
		return;

	/* the comment may be toasted, which takes a snapshot */
	PushActiveSnapshot(GetTransactionSnapshot());
	old = GetComment(schema, NamespaceRelationId, 0);
	choices = parse_comment(old);

	/* still the role's own schema if that subtransaction was aborted */
	if (superuser_arg(owner))
		choices = list_concat(choices, taken_over);
	new = new_comment(choices);
	if (new ? old == NULL || strcmp(new, old) != 0 : choices != NIL)
		CreateComments(schema, NamespaceRelationId, 0, new);
	PopActiveSnapshot();
}

static void
at_transaction_end(XactEvent event, void *arg)
{
	if (!has_written && dropped == NIL)
		return;
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			write_comment();
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			has_written = false;
			dropped = NIL;
			taken_over = NIL;
			break;
		default:
			break;
	}
}

/* Nobody pays for a callback in whose session nothing is ever written */
static void
expect_transaction_end(void)
{
	static bool registered = false;

	if (!registered)
		RegisterXactCallback(at_transaction_end, NULL);
	registered = true;
}

/* The record has changed: the comment is to say so */
void
remember_at_commit(void)
{
	expect_transaction_end();
	has_written = true;
}

/* An extension is being dropped */
void
forget_at_commit(const char *short_name)
{
	MemoryContext caller = MemoryContextSwitchTo(TopTransactionContext);

	expect_transaction_end();
	dropped = lappend(dropped, pstrdup(short_name));
	MemoryContextSwitchTo(caller);
}

/*
 * A role that is no superuser restores a dump: the schema is its own, and our
 * extension lives in a superuser's only. It is dropped, which its owner may do
 * and PostgreSQL refuses while something is in it, and its comment is kept for
 * that role alone. Others' schemas are our script's to refuse.
 */
void
take_over_schema(void)
{
	Oid			owner;
	Oid			schema = find_schema(&owner);
	ObjectAddress address;
	MemoryContext caller;
	ListCell   *lc;

	if (!OidIsValid(schema) || owner != GetUserId() || superuser_arg(owner))
		return;
	caller = MemoryContextSwitchTo(TopTransactionContext);
	taken_over = parse_comment(GetComment(schema, NamespaceRelationId, 0));
	foreach(lc, taken_over)
		((RememberedChoice *) lfirst(lc))->role = GetUserNameFromId(owner, false);
	MemoryContextSwitchTo(caller);
	expect_transaction_end();
	has_written = true;

	ObjectAddressSet(address, NamespaceRelationId, schema);
	performDeletion(&address, DROP_RESTRICT, 0);
	CommandCounterIncrement();
}
