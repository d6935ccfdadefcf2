/*
 * module_path.c
 *		Whether the server finds the modules that the sidecar has linked.
 *
 * They have bare names, so that pg_proc says the same on every machine and
 * after pg_upgrade; the price is that dynamic_library_path must have their
 * directory. Where it does not, the script would fail half-way with an error
 * that does not say what to do.
 */
#include "postgres.h"

#include <sys/stat.h>

#include "compat.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "module_path.h"

/* As find_in_dynamic_libpath() of utils/fmgr/dfmgr.c looks for it */
static bool
is_on_library_path(const char *library)
{
	char	   *rest = pstrdup(Dynamic_library_path);
	char	   *piece;

	while ((piece = strsep(&rest, ":")) != NULL)
	{
		struct stat st;
		const char *directory = piece;

		if (strncmp(piece, "$libdir", 7) == 0 &&
			(piece[7] == '/' || piece[7] == '\0'))
			directory = psprintf("%s%s", pkglib_path, piece + 7);
		if (stat(psprintf("%s/%s%s", directory, library, DLSUFFIX), &st) == 0 &&
			!S_ISDIR(st.st_mode))
			return true;
	}
	return false;
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

			if (!is_on_library_path(link->library))
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
