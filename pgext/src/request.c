/*
 * request.c
 *		What is asked of the sidecar, as lines of the protocol.
 *
 * The sidecar decides by policy; it is told who asks, as PostgreSQL knows it,
 * never by what the user could set.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_authid.h"
#include "commands/dbcommands.h"
#include "compat.h"
#include "guc.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "message.h"
#include "miscadmin.h"
#include "request.h"
#include "utils/json.h"
#include "utils/varlena.h"

/* A copy: GetConfigOption answers all numbers in one buffer */
static char *
setting(const char *name)
{
	return pstrdup(GetConfigOption(name, false, false));
}

static void
begin_request(StringInfo buf, const char *request)
{
	bool		assertions = strcmp(setting("debug_assertions"), "on") == 0;

	appendStringInfo(buf, "{\"protocol\":1,\"request\":\"%s\"", request);

	/* as the server runs: its files may have been upgraded since it started */
	appendStringInfo(buf,
					 ",\"server\":{\"version_num\":%s,\"block_size\":%s"
					 ",\"wal_block_size\":%s,\"assertions\":%s,\"abi_extra\":",
					 setting("server_version_num"), setting("block_size"),
					 setting("wal_block_size"), assertions ? "true" : "false");
	escape_json(buf, PGINSTALL_ABI_EXTRA);
	appendStringInfoChar(buf, '}');
}

static void
add_string(StringInfo buf, const char *name, const char *value)
{
	appendStringInfo(buf, ",\"%s\":", name);
	escape_json(buf, value);
}

static void
add_bool(StringInfo buf, const char *name, bool value)
{
	appendStringInfo(buf, ",\"%s\":%s", name, value ? "true" : "false");
}

static void
add_strings(StringInfo buf, const char *name, const List *values)
{
	const char *separator = "";
	ListCell   *lc;

	appendStringInfo(buf, ",\"%s\":[", name);
	foreach(lc, values)
	{
		appendStringInfoString(buf, separator);
		escape_json(buf, lfirst(lc));
		separator = ",";
	}
	appendStringInfoChar(buf, ']');
}

/* Closed, in UTF-8, with its line feed */
static char *
end_request(StringInfo buf)
{
	char	   *line;

	appendStringInfoString(buf, "}\n");
	line = pg_server_to_any(buf->data, buf->len, PG_UTF8);
	if (strlen(line) > MAX_MESSAGE_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the request to the pginstall sidecar is too long"),
				 errdetail("It has %zu bytes; the limit is %d.",
						   strlen(line), MAX_MESSAGE_BYTES)));
	return line;
}

/*
 * Every role whose privileges the current user has, itself first. Names of
 * roles may be in any database's encoding: one that is not valid in ours is
 * left out, for no policy could name it.
 */
static List *
current_roles(void)
{
	List	   *roles = list_make1(GetUserNameFromId(GetUserId(), false));
	Relation	rel = table_open(AuthIdRelationId, AccessShareLock);
	SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
	HeapTuple	tuple;

	while (HeapTupleIsValid(tuple = systable_getnext(scan)))
	{
		Form_pg_authid role = (Form_pg_authid) GETSTRUCT(tuple);
		char	   *name = NameStr(role->rolname);

		if (role->oid != GetUserId() &&
			has_privs_of_role(GetUserId(), role->oid) &&
			pg_verify_mbstr(GetDatabaseEncoding(), name, strlen(name), true))
			roles = lappend(roles, pstrdup(name));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return roles;
}

static void
add_installed(StringInfo buf, const List *installed)
{
	const char *separator = "";
	ListCell   *lc;

	appendStringInfoString(buf, ",\"installed\":[");
	foreach(lc, installed)
	{
		InstalledExtension *extension = lfirst(lc);

		appendStringInfo(buf, "%s{\"name\":", separator);
		escape_json(buf, extension->name);
		if (extension->full_name)
			add_string(buf, "full_name", extension->full_name);
		appendStringInfoChar(buf, '}');
		separator = ",";
	}
	appendStringInfoChar(buf, ']');
}

/* What the postmaster has mapped, every process has from it */
static void
add_preloaded(StringInfo buf)
{
	List	   *libraries;

	/* the server has started with it */
	if (!SplitDirectoriesString(setting("shared_preload_libraries"), ',',
								&libraries))
		elog(ERROR, "could not split shared_preload_libraries");
	add_strings(buf, "preloaded", libraries);
}

static void
add_asker(StringInfo buf)
{
	add_string(buf, "database", get_database_name(MyDatabaseId));
	add_bool(buf, "superuser", superuser());
	add_strings(buf, "roles", superuser() ? NIL : current_roles());
}

/* version is NULL without VERSION */
char *
create_extension_request(const char *extension, const char *version,
						 bool cascade, const List *installed)
{
	StringInfoData buf;

	initStringInfo(&buf);
	begin_request(&buf, "create_extension");
	add_asker(&buf);
	add_string(&buf, "extension", extension);
	if (version)
		add_string(&buf, "version", version);
	add_bool(&buf, "cascade", cascade);
	add_installed(&buf, installed);
	add_preloaded(&buf);
	add_strings(&buf, "prefer", prefer_patterns());
	return end_request(&buf);
}

/* version is NULL without TO */
char *
update_extension_request(const InstalledExtension *present,
						 const char *version, const List *installed)
{
	StringInfoData buf;

	initStringInfo(&buf);
	begin_request(&buf, "update_extension");
	add_asker(&buf);
	add_string(&buf, "extension", present->full_name);
	add_string(&buf, "from", present->version);
	if (version)
		add_string(&buf, "version", version);
	add_bool(&buf, "downgrade", pginstall_downgrade);
	add_installed(&buf, installed);
	add_preloaded(&buf);
	return end_request(&buf);
}

/* version is NULL where it is not known */
char *
load_module_request(const char *library, const char *version, bool wait)
{
	StringInfoData buf;

	initStringInfo(&buf);
	begin_request(&buf, "load_module");
	add_string(&buf, "library", library);
	if (version)
		add_string(&buf, "version", version);
	add_preloaded(&buf);
	add_bool(&buf, "wait", wait);
	return end_request(&buf);
}

char *
search_request(const char *text)
{
	StringInfoData buf;

	initStringInfo(&buf);
	begin_request(&buf, "search");
	add_string(&buf, "text", text);
	return end_request(&buf);
}

/* What can be created here and matches the pattern */
char *
available_request(const char *pattern)
{
	StringInfoData buf;

	initStringInfo(&buf);
	begin_request(&buf, "search");
	add_string(&buf, "text", "");
	add_string(&buf, "pattern", pattern);
	add_bool(&buf, "installable", true);
	return end_request(&buf);
}

char *
status_request(void)
{
	StringInfoData buf;

	initStringInfo(&buf);
	begin_request(&buf, "status");
	return end_request(&buf);
}
