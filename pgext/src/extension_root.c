/*
 * extension_root.c
 *		Where PostgreSQL looks for control files, during one statement.
 *
 * An extension root is a directory of the sidecar's with the control files of
 * one request and nothing else of its own. PostgreSQL 18 and later search
 * extension_control_path; before that, the share directory is the only place,
 * and it follows from my_exec_path each time it is asked for. Either is
 * switched for the statement that was asked for: it, its script and event
 * triggers see the root, nothing after it does.
 *
 * A control file decides which script a superuser runs. So whoever can write
 * to the root owns the server, and a path that leads elsewhere is refused.
 */
#include "postgres.h"

#include <sys/stat.h>
#include <unistd.h>

#include "compat.h"
#include "extension_root.h"
#include "guc.h"
#include "miscadmin.h"
#include "storage/fd.h"

/*
 * What the server's own directories are while one statement sees others: what
 * an event trigger of that statement creates is PostgreSQL's own matter still.
 */
static const ExtensionRoot *outermost = NULL;

#define refuse_path(path, ...) \
	ereport(ERROR, \
			(errcode(ERRCODE_SYSTEM_ERROR), \
			 errmsg("the pginstall sidecar gave the path \"%s\", which is not safe to use", \
					path), \
			 errdetail(__VA_ARGS__), \
			 errhint("The setting pginstall.directory must be the sidecar's directory.")))

/* Below pginstall.directory by its text alone, with no way up or around */
static void
check_below_directory(const char *path)
{
	size_t		n = strlen(pginstall_directory);
	const char *part;

	if (strlen(path) >= MAXPGPATH)
		refuse_path(path, "It is longer than %d bytes.", MAXPGPATH - 1);
	if (strncmp(path, pginstall_directory, n) != 0 || path[n] != '/')
		refuse_path(path, "It is not below \"%s\".", pginstall_directory);
	if (strchr(path, ':') != NULL)
		refuse_path(path, "It has a \":\", which separates directories.");

	for (part = path + n; *part; part += strcspn(part, "/"))
	{
		size_t		length = strcspn(++part, "/");

		if (length == 0 || (length == 1 && part[0] == '.') ||
			(length == 2 && part[0] == '.' && part[1] == '.'))
			refuse_path(path, "It has an empty, \".\" or \"..\" component.");
	}
}

/* A real directory that none but root and the sidecar can write to */
static bool
check_directory_owner(const char *path, const char *directory, uid_t sidecar)
{
	struct stat st;

	if (lstat(directory, &st) < 0)
	{
		if (errno != ENOENT)
			refuse_path(path, "Could not look at \"%s\": %m.", directory);
		return false;
	}
	if (!S_ISDIR(st.st_mode))
		refuse_path(path, "\"%s\" is not a directory.", directory);
	if (st.st_uid != 0 && st.st_uid != sidecar)
		refuse_path(path, "\"%s\" belongs neither to root nor to the sidecar's user.",
					directory);
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		refuse_path(path, "\"%s\" is writable for group or others.", directory);
	return true;
}

/*
 * Every directory that exists on the way to the path, from pginstall.directory
 * down. The last component is taken for a directory too.
 */
static void
check_store_path(const char *path, uid_t sidecar)
{
	char		directory[MAXPGPATH];
	size_t		n = strlen(pginstall_directory);

	check_below_directory(path);
	for (;;)
	{
		strlcpy(directory, path, n + 1);
		if (!check_directory_owner(path, directory, sidecar) ||
			path[n] == '\0')
			return;
		n += 1 + strcspn(path + n + 1, "/");
	}
}

static bool
is_readable_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
		access(path, R_OK) == 0;
}

static bool
has_control_file(const char *directory, const char *name)
{
	char	   *path = psprintf("%s/%s.control", directory, name);

	return access(path, F_OK) == 0;
}

static char *
share_extension_directory(const char *exec_path)
{
	char		share[MAXPGPATH];

	get_share_path(exec_path, share);
	return psprintf("%s/extension", share);
}

/* NULL where the server has no such setting */
static const char *
extension_control_path(void)
{
	return GetConfigOption("extension_control_path", true, false);
}

/*
 * Whether CREATE EXTENSION would find it without us; the name must be valid.
 * Like find_extension_control_filename() of commands/extension.c, with the one
 * more directory that Debian's servers before 18 look into.
 */
bool
postgres_has_extension(const char *name)
{
	char	   *system = share_extension_directory(outermost ?
												   outermost->exec_path :
												   my_exec_path);
	const char *destdir = GetConfigOption("extension_destdir", true, false);
	const char *path = outermost ? outermost->control_path :
		extension_control_path();
	char	   *rest;
	char	   *piece;

	if (path == NULL || *path == '\0')
		return has_control_file(system, name) ||
			(destdir && *destdir &&
			 has_control_file(psprintf("%s%s", destdir, system), name));

	rest = pstrdup(path);
	while ((piece = strsep(&rest, ":")) != NULL)
	{
		if (has_control_file(strcmp(piece, "$system") == 0 ? system :
							 psprintf("%s/extension", piece), name))
			return true;
	}
	return false;
}

/*
 * What is to be switched to for this result, once it is sure that it leads to
 * the control file of the extension asked for, and nobody else can write there.
 */
char *
checked_extension_root(const CreateResult *result, uid_t sidecar)
{
	const ResultExtension *asked = linitial(result->extensions);
	char	   *extensions;
	char	   *control;
	char	   *path;

	if (extension_control_path() != NULL)
	{
		path = result->control_path;
		check_below_directory(path);
		extensions = psprintf("%s/extension", path);
	}
	else
	{
		path = result->exec_path;
		check_store_path(path, sidecar);

		/* the compiled-in directory, if the path has another shape */
		extensions = share_extension_directory(path);
	}
	check_store_path(extensions, sidecar);

	control = psprintf("%s/%s.control", extensions, asked->name);
	if (!is_readable_file(control))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FILE),
				 errmsg("could not read the control file \"%s\"", control),
				 errdetail("The pginstall sidecar answered that it is there."),
				 errhint("The server's operating system user must be able to read the sidecar's directory.")));
	return path;
}

/* Until leave_extension_root(), which must be called on every way out */
void
enter_extension_root(ExtensionRoot *saved, const char *path)
{
	const char *value = extension_control_path();

	strlcpy(saved->exec_path, my_exec_path, MAXPGPATH);
	saved->control_path = value ? pstrdup(value) : NULL;
	saved->guc_nest_level = 0;
	if (outermost == NULL)
		outermost = saved;
	if (value == NULL)
	{
		strlcpy(my_exec_path, path, MAXPGPATH);
		return;
	}

	/* an empty value means the system's directory alone */
	saved->guc_nest_level = NewGUCNestLevel();
	(void) set_config_option("extension_control_path",
							 psprintf("%s:%s", path, *value ? value : "$system"),
							 PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE,
							 true, 0, false);
}

/* After an error, its abort takes the setting back with all the others */
void
leave_extension_root(const ExtensionRoot *saved, bool completed)
{
	if (outermost == saved)
		outermost = NULL;
	strlcpy(my_exec_path, saved->exec_path, MAXPGPATH);
	if (completed && saved->guc_nest_level > 0)
		AtEOXact_GUC(true, saved->guc_nest_level);
}
