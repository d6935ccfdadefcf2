/*
 * library_hook.c
 *		Modules of ours that this machine does not have yet, at first use.
 *
 * A standby, and whoever was restored from a backup, has the functions of an
 * extension in its catalogs but not their module. A missing one whose name is
 * unique by provider is fetched by the sidecar before PostgreSQL looks for it.
 *
 * Which module a function has is a superuser's word: nobody else makes C
 * functions. Policy still decides whether its provider may be installed here.
 * Nothing is written to the database, so all of this works on a standby.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/objectaccess.h"
#include "catalog/pg_language.h"
#include "catalog/pg_proc.h"
#include "compat.h"
#include "fmgr.h"
#include "library_hook.h"
#include "message.h"
#include "miscadmin.h"
#include "module_path.h"
#include "names.h"
#include "record.h"
#include "request.h"
#include "sidecar_client.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

/* By the hash value that an invalidation names */
typedef struct SeenFunction
{
	uint32		hash;
	Oid			function;
} SeenFunction;

static HTAB *seen_functions = NULL;
static needs_fmgr_hook_type previous_needs_hook = NULL;
static object_access_hook_type previous_access_hook = NULL;

static bool function_is_looked_up(Oid function);
static void function_is_executed(ObjectAccessType access, Oid class_id,
								 Oid object_id, int sub_id, void *arg);
static void forget_function(Datum arg, int cache_id, uint32 hash);

void
install_library_hook(void)
{
	HASHCTL		control;

	memset(&control, 0, sizeof(control));
	control.keysize = sizeof(uint32);
	control.entrysize = sizeof(SeenFunction);
	seen_functions = hash_create("pginstall functions", 64, &control,
								 HASH_ELEM | HASH_BLOBS);
	CacheRegisterSyscacheCallback(PROCOID, forget_function, (Datum) 0);

	previous_needs_hook = needs_fmgr_hook;
	needs_fmgr_hook = function_is_looked_up;
	previous_access_hook = object_access_hook;
	object_access_hook = function_is_executed;
}

/* Comes before PostgreSQL loads the module; whether to wrap the call is others' wish */
static bool
function_is_looked_up(Oid function)
{
	need_function(function);
	return previous_needs_hook && previous_needs_hook(function);
}

/* Functions with SECURITY DEFINER or SET are not asked about above */
static void
function_is_executed(ObjectAccessType access, Oid class_id, Oid object_id,
					 int sub_id, void *arg)
{
	if (access == OAT_FUNCTION_EXECUTE)
		need_function(object_id);
	if (previous_access_hook)
		previous_access_hook(access, class_id, object_id, sub_id, arg);
}

static void
forget_function(Datum arg, int cache_id, uint32 hash)
{
	HASH_SEQ_STATUS all;
	SeenFunction *entry;

	if (hash != 0)
	{
		hash_search(seen_functions, &hash, HASH_REMOVE, NULL);
		return;
	}
	hash_seq_init(&all, seen_functions);
	while ((entry = hash_seq_search(&all)) != NULL)
		hash_search(seen_functions, &entry->hash, HASH_REMOVE, NULL);
}

/*
 * Where the lock of a buffer is held, others wait for us, and nothing would end
 * our waiting. Plans have been looked through before they ran, so hardly
 * anybody comes here.
 */
static void
fetch_later(const char *library)
{
	notify_sidecar(load_module_request(library, NULL, false));
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_FILE),
			 errmsg("could not load module \"%s\"", library),
			 errdetail("It is not on this machine, and cannot be waited for while a page of a table or index is locked."),
			 errhint("The pginstall sidecar has been asked for it: try again in a moment.")));
}

static void
fetch_now(const char *library, const char *full_name)
{
	uid_t		sidecar;
	Answer	   *answer = ask_sidecar(load_module_request(library,
														 recorded_version(full_name),
														 true),
									 REQUEST_LOAD_MODULE, &sidecar);

	if (!module_is_found(library))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FILE),
				 errmsg("could not find module \"%s\"", library),
				 errdetail("It is in no directory of dynamic_library_path, which is \"%s\".",
						   Dynamic_library_path),
				 errhint("Append \"%s\" to the setting dynamic_library_path, or run pginstall setup.",
						 answer->module_path)));
}

/*
 * To whoever calls the function it is a missing file, whatever the reason, save
 * what ends waiting: that is as for any statement.
 */
static void
fetch_library(const char *library, const char *full_name)
{
	MemoryContext caller = CurrentMemoryContext;

	PG_TRY();
	{
		fetch_now(library, full_name);
	}
	PG_CATCH();
	{
		ErrorData  *reason;
		char	   *detail;

		MemoryContextSwitchTo(caller);
		reason = CopyErrorData();
		if (ERRCODE_TO_CATEGORY(reason->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
			PG_RE_THROW();
		FlushErrorState();
		detail = psprintf("It is not on this machine, and the pginstall sidecar was asked for it: %s.%s%s",
						  reason->message, reason->detail ? " " : "",
						  reason->detail ? reason->detail : "");

		/* what policy and repositories say is not for everybody */
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FILE),
				 errmsg("could not load module \"%s\"", library),
				 superuser() ? errdetail_internal("%s", detail) :
				 errdetail("It is not on this machine, and the pginstall sidecar could not bring it."),
				 errdetail_log("%s", detail),
				 superuser() && reason->hint ? errhint("%s", reason->hint) :
				 errhint("The server's log says why.")));
	}
	PG_END_TRY();
}

/* Sees to it that the module is there, if it is one of ours */
void
need_library(const char *library)
{
	char	   *full_name = full_name_of_library(library);

	if (full_name == NULL || module_is_found(library))
		return;
	if (InterruptHoldoffCount > 0 || CritSectionCount > 0)
		fetch_later(library);
	fetch_library(library, full_name);
}

/*
 * The machine of a standby has the version that was first needed there, while
 * the primary may have been updated since. A session that has loaded it keeps
 * it: the sidecar brings the newer one for the next.
 */
static void
need_symbol(const char *library, const char *symbol)
{
	char	   *full_name = full_name_of_library(library);

	if (full_name == NULL ||
		load_external_function(library, symbol, false, NULL) != NULL)
		return;
	require_current_module(library, symbol);
	if (InterruptHoldoffCount > 0 || CritSectionCount > 0)
		return;
	fetch_library(library, full_name);
	require_current_module(library, symbol);
}

/* Of a procedural language; it is not asked about when functions are called */
static void
need_handler(Oid language)
{
	HeapTuple	tuple = SearchSysCache1(LANGOID, ObjectIdGetDatum(language));
	Oid			handler;

	if (!HeapTupleIsValid(tuple))
		return;
	handler = ((Form_pg_language) GETSTRUCT(tuple))->lanplcallfoid;
	ReleaseSysCache(tuple);
	need_function(handler);
}

static void
examine_function(Oid function)
{
	HeapTuple	tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid			language;
	bool		is_null;
	Datum		probin;
	char	   *library = NULL;
	char	   *symbol = NULL;

	/* PostgreSQL has its own words for a function that is gone */
	if (!HeapTupleIsValid(tuple))
		return;
	language = ((Form_pg_proc) GETSTRUCT(tuple))->prolang;
	probin = SysCacheGetAttr(PROCOID, tuple, Anum_pg_proc_probin, &is_null);
	if (language == ClanguageId && !is_null)
	{
		library = TextDatumGetCString(probin);
		symbol = TextDatumGetCString(SysCacheGetAttr(PROCOID, tuple,
													 Anum_pg_proc_prosrc,
													 &is_null));
	}
	ReleaseSysCache(tuple);

	if (library)
	{
		need_library(library);
		need_symbol(library, symbol);
	}
	else if (language >= FirstNormalObjectId)
		need_handler(language);
}

/*
 * Sees to it that the function's module is there. Steady state is the look into
 * the hash table; functions that came with PostgreSQL cost a comparison.
 */
void
need_function(Oid function)
{
	uint32		hash;
	SeenFunction *entry;
	MemoryContext caller;
	MemoryContext work;

	if (function < FirstNormalObjectId || !IsTransactionState())
		return;
	hash = GetSysCacheHashValue1(PROCOID, ObjectIdGetDatum(function));
	entry = hash_search(seen_functions, &hash, HASH_FIND, NULL);
	if (entry && entry->function == function)
		return;

	/* whoever looks a function up may do it for the session's whole life */
	work = AllocSetContextCreate(CurTransactionContext, "pginstall function",
								 ALLOCSET_SMALL_SIZES);
	caller = MemoryContextSwitchTo(work);
	examine_function(function);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(work);

	entry = hash_search(seen_functions, &hash, HASH_ENTER, NULL);
	entry->function = function;
}
