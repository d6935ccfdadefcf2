/*
 * module_path.c
 *		Whether the server finds the modules that the sidecar has linked, and
 *		whether a session has the newest of them.
 *
 * They have bare names, so that pg_proc says the same on every machine and
 * after pg_upgrade; the price is that dynamic_library_path must have their
 * directory. Where it does not, the script would fail half-way with an error
 * that does not say what to do.
 */
#include "postgres.h"

#include <dlfcn.h>
#include <limits.h>
#include <sys/stat.h>

#include "compat.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "module_path.h"
#include "names.h"
#include "storage/fd.h"

/*
 * The file that the server finds under a bare name; NULL if there is none. As
 * find_in_dynamic_libpath() of utils/fmgr/dfmgr.c looks for it.
 */
static char *
library_file(const char *library)
{
	char	   *rest = pstrdup(Dynamic_library_path);
	char	   *piece;

	while ((piece = strsep(&rest, ":")) != NULL)
	{
		struct stat st;
		char	   *directory = pstrdup(piece);
		char	   *file;

		if (strncmp(piece, "$libdir", 7) == 0 &&
			(piece[7] == '/' || piece[7] == '\0'))
			directory = psprintf("%s%s", pkglib_path, piece + 7);
		canonicalize_path(directory);
		file = psprintf("%s/%s%s", directory, library, DLSUFFIX);
		if (stat(file, &st) == 0 && !S_ISDIR(st.st_mode))
			return file;
	}
	return NULL;
}

bool
module_is_found(const char *library)
{
	return library_file(library) != NULL;
}

/* Whether the session has loaded what was found under this name */
static bool
is_loaded(const char *file)
{
	void	   *handle = dlopen(file, RTLD_LAZY | RTLD_NOLOAD);

	if (handle == NULL)
		return false;
	dlclose(handle);
	return true;
}

/*
 * Whether this process has the file mapped, under the name that it has now.
 * True where the system does not tell.
 */
static bool
is_mapped(const char *file)
{
	FILE	   *maps = AllocateFile("/proc/self/maps", "r");
	char		line[PATH_MAX + 128];
	bool		found = false;

	if (maps == NULL)
		return true;
	while (!found && fgets(line, sizeof(line), maps))
	{
		const char *path = strchr(line, '/');

		line[strcspn(line, "\n")] = '\0';
		found = path && strcmp(path, file) == 0;
	}
	FreeFile(maps);
	return found;
}

/*
 * A session keeps the module that it has loaded when the link is moved to a
 * newer one. Raises 55000 if that is why it lacks the function; what else may
 * be wrong with the module is PostgreSQL's to say, and what is not ours its
 * own. A module that is not loaded yet is left so: PostgreSQL may still refuse
 * the statement.
 */
void
require_current_module(const char *library, const char *function)
{
	char		newest[PATH_MAX];
	char	   *file = full_name_of_library(library) ? library_file(library) : NULL;

	if (file == NULL || !is_loaded(file) || realpath(file, newest) == NULL ||
		load_external_function(library, function, false, NULL) != NULL ||
		is_mapped(newest))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("this session has an older version of module \"%s\", without function \"%s\"",
					library, function),
			 errdetail("It loaded the module before that was updated, and keeps it until it ends."),
			 errhint("Connect anew, and repeat the statement.")));
}

void
check_modules_found(const CreateResult *result)
{
	ListCell   *lc;

	foreach(lc, result->extensions)
	{
		ResultExtension *extension = lfirst(lc);
		ListCell   *cell;

		foreach(cell, extension->modules)
		{
			ModuleLink *link = lfirst(cell);

			if (!module_is_found(link->library))
				ereport(ERROR,
						(errcode(ERRCODE_UNDEFINED_FILE),
						 errmsg("could not find module \"%s\" of extension \"%s\"",
								link->library, extension->name),
						 errdetail("It is in no directory of dynamic_library_path, which is \"%s\".",
								   Dynamic_library_path),
						 errhint("Append \"%s\" to the setting dynamic_library_path, or run pginstall setup.",
								 result->module_path)));
		}
	}
}
