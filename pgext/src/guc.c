/*
 * guc.c
 *		The settings pginstall.*
 *
 * Where the sidecar is and whom to trust there is the business of whoever has
 * the configuration file; what narrows the choice of a provider, and how long
 * to wait, the superuser's. A database owner must set none of them: they decide
 * what C code a superuser's CREATE EXTENSION loads.
 */
#include "postgres.h"

#include <limits.h>
#include <sys/un.h>

#include "compat.h"
#include "guc.h"
#include "miscadmin.h"
#include "names.h"
#include "utils/varlena.h"

char	   *pginstall_socket = NULL;
char	   *pginstall_directory = NULL;
char	   *pginstall_sidecar_user = NULL;
char	   *pginstall_prefer = NULL;
int			pginstall_timeout = 0;
bool		pginstall_downgrade = false;

static bool check_socket(char **newval, void **extra, GucSource source);
static bool check_directory(char **newval, void **extra, GucSource source);
static bool check_sidecar_user(char **newval, void **extra, GucSource source);
static bool check_prefer(char **newval, void **extra, GucSource source);

/*
 * What a client has set before we are loaded stands in for the configuration
 * file's value, and falls back to the built-in default when PostgreSQL finds
 * that the client may not set it: to another cluster's sidecar, perhaps. With
 * shared_preload_libraries the settings are known by then, and PostgreSQL
 * refuses by itself.
 */
static void
refuse_clients_settings(void)
{
	static const char *const names[] = {
		"pginstall.socket", "pginstall.directory", "pginstall.sidecar_user",
		"pginstall.prefer", "pginstall.timeout", "pginstall.downgrade"
	};

	if (strcmp(GetConfigOption("is_superuser", false, false), "on") == 0)
		return;
	for (int i = 0; i < lengthof(names); i++)
	{
		if (setting_source(names[i]) >= PGC_S_CLIENT)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("permission denied to set parameter \"%s\"",
							names[i]),
					 errhint("Take it out of the connection's options, or PGOPTIONS.")));
	}
}

void
define_settings(void)
{
	if (!process_shared_preload_libraries_in_progress)
		refuse_clients_settings();

	DefineCustomStringVariable("pginstall.socket",
							   "Unix socket of the pginstall sidecar.",
							   NULL, &pginstall_socket,
							   "/run/pginstall/main.sock",
							   PGC_SIGHUP, 0, check_socket, NULL, NULL);
	DefineCustomStringVariable("pginstall.directory",
							   "Directory below which the sidecar puts extensions.",
							   "What the sidecar answers must lie there, writable for nobody but it and root.",
							   &pginstall_directory, "/var/lib/pginstall",
							   PGC_SIGHUP, 0, check_directory, NULL, NULL);
	DefineCustomStringVariable("pginstall.sidecar_user",
							   "Operating system user, name or number, the sidecar runs as.",
							   "Besides it, root and the server's own user are believed.",
							   &pginstall_sidecar_user, "pginstall",
							   PGC_SIGHUP, 0, check_sidecar_user, NULL, NULL);
	DefineCustomStringVariable("pginstall.prefer",
							   "Patterns of full names that settle an ambiguous short name.",
							   "A list; \"*\" stands for one segment, a last \"**\" for several.",
							   &pginstall_prefer, "",
							   PGC_SUSET, GUC_LIST_INPUT,
							   check_prefer, NULL, NULL);
	DefineCustomIntVariable("pginstall.timeout",
							"Longest time to wait for the pginstall sidecar.",
							"0 means to wait for ever.",
							&pginstall_timeout, 10 * 60 * 1000, 0, INT_MAX,
							PGC_SUSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomBoolVariable("pginstall.downgrade",
							 "Lets ALTER EXTENSION UPDATE TO go to an older version.",
							 "To the version that is installed already, it takes modules back to it, for all databases of the cluster.",
							 &pginstall_downgrade, false,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	MarkGUCPrefixReserved("pginstall");
}

/* The patterns of pginstall.prefer */
List *
prefer_patterns(void)
{
	List	   *patterns;

	/* the check hook has seen that it splits */
	if (!SplitGUCList(pstrdup(pginstall_prefer), ',', &patterns))
		elog(ERROR, "could not split pginstall.prefer");
	return patterns;
}

static bool
check_socket(char **newval, void **extra, GucSource source)
{
	size_t		longest = sizeof(((struct sockaddr_un *) 0)->sun_path) - 1;

	if (!is_absolute_path(*newval))
	{
		GUC_check_errdetail("The path is not absolute.");
		return false;
	}
	if (strlen(*newval) > longest)
	{
		GUC_check_errdetail("The path of a unix socket has at most %zu bytes.",
							longest);
		return false;
	}
	return true;
}

static bool
check_directory(char **newval, void **extra, GucSource source)
{
	if (!is_absolute_path(*newval))
	{
		GUC_check_errdetail("The path is not absolute.");
		return false;
	}
	canonicalize_path(*newval);
	if (strcmp(*newval, "/") == 0 || strlen(*newval) >= MAXPGPATH)
	{
		GUC_check_errdetail("The path is the root directory or too long.");
		return false;
	}
	return true;
}

static bool
check_sidecar_user(char **newval, void **extra, GucSource source)
{
	if ((*newval)[0] == '\0')
	{
		GUC_check_errdetail("The name is empty.");
		return false;
	}
	return true;
}

static bool
check_prefer(char **newval, void **extra, GucSource source)
{
	char	   *raw = pstrdup(*newval);
	List	   *patterns;
	ListCell   *lc;
	const char *fault = NULL;

	if (!SplitGUCList(raw, ',', &patterns))
	{
		GUC_check_errdetail("List syntax is invalid.");
		return false;
	}
	foreach(lc, patterns)
	{
		char	   *pattern = lfirst(lc);

		fault = pattern_fault(pattern, strlen(pattern));
		if (fault)
			break;
	}
	list_free(patterns);
	pfree(raw);
	if (fault)
		GUC_check_errdetail("%s", fault);
	return fault == NULL;
}
