/*
 * parsers.c
 *		libFuzzer on the parsers of pgext/, inside a real backend.
 *
 * They need PostgreSQL's errors and its jsonb, so the fuzzer's driver is called
 * from an SQL function and never comes back: it ends the process itself. Only
 * the parsers are instrumented. Each block that they allocate ends at a page that
 * nobody may touch, so a single byte beyond it is a crash: AddressSanitizer's
 * run-time library does not get on with a server that was built without it.
 */
#include "postgres.h"

#include <sys/mman.h>
#include <unistd.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "message.h"
#include "names.h"
#include "nodes/parsenodes.h"
#include "parser/scansup.h"
#include "statement_name.h"
#include "tcop/tcopprot.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

PG_MODULE_MAGIC;

typedef int (*FuzzCallback) (const uint8_t *data, size_t size);

extern int	LLVMFuzzerRunDriver(int *argc, char ***argv, FuzzCallback callback);

extern PGDLLEXPORT Datum fuzz(PG_FUNCTION_ARGS);

PG_FUNCTION_INFO_V1(fuzz);

/* What the parsers have allocated since the last run began */
typedef struct Block
{
	char	   *start;
	size_t		mapped;
} Block;

static Block *blocks = NULL;
static size_t block_count = 0;
static size_t block_room = 0;

static MemoryContext run_context = NULL;

/* A violated promise of a parser is reported as a crash would be */
#define PROMISE(condition) \
	do { \
		if (!(condition)) \
		{ \
			fprintf(stderr, "broken promise: %s\n", #condition); \
			abort(); \
		} \
	} while (0)

void *
fuzz_palloc(Size size)
{
	size_t		page = sysconf(_SC_PAGESIZE);
	size_t		mapped = TYPEALIGN(page, Max(size, 1)) + page;
	char	   *start = mmap(NULL, mapped, PROT_READ | PROT_WRITE,
							 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (block_count == block_room)
	{
		block_room = Max(64, block_room * 2);
		blocks = realloc(blocks, block_room * sizeof(Block));
	}
	if (start == MAP_FAILED || blocks == NULL ||
		mprotect(start + mapped - page, page, PROT_NONE) != 0)
		abort();
	blocks[block_count++] = (Block) {start, mapped};
	return start + mapped - page - size;
}

void *
fuzz_palloc0(Size size)
{
	return memset(fuzz_palloc(size), 0, size);
}

char *
fuzz_pnstrdup(const char *text, Size length)
{
	size_t		n = strnlen(text, length);
	char	   *copy = fuzz_palloc(n + 1);

	copy[n] = '\0';
	return memcpy(copy, text, n);
}

char *
fuzz_psprintf(const char *format,...)
{
	va_list		args;
	int			length;
	char	   *text;

	va_start(args, format);
	length = vsnprintf(NULL, 0, format, args);
	va_end(args);
	text = fuzz_palloc(length + 1);
	va_start(args, format);
	vsnprintf(text, length + 1, format, args);
	va_end(args);
	return text;
}

static void
free_blocks(void)
{
	while (block_count > 0)
	{
		block_count--;
		munmap(blocks[block_count].start, blocks[block_count].mapped);
	}
}

/* An exact copy, without anything behind it that an overrun could read */
static char *
exact_copy(const uint8_t *data, size_t size, size_t more)
{
	char	   *copy = fuzz_palloc(size + more);

	memset(copy + size, 0, more);
	return memcpy(copy, data, size);
}

/* What would be dangerous in a file name or SQL, whatever the grammar says */
static bool
is_file_name(const char *text, size_t length)
{
	return length > 0 && length < 256 && memchr(text, '\0', length) == NULL &&
		memchr(text, '/', length) == NULL &&
		!(length == 1 && text[0] == '.') &&
		!(length == 2 && text[0] == '.' && text[1] == '.');
}

static void
check_full_name(const char *name, size_t length)
{
	const char *end = name + length;
	const char *part = name;

	PROMISE(length <= MAX_FULL_NAME_BYTES);
	for (;;)
	{
		const char *slash = memchr(part, '/', end - part);

		PROMISE(is_file_name(part, (slash ? slash : end) - part));
		if (slash == NULL)
			break;
		part = slash + 1;
	}
	PROMISE(part > name);
	PROMISE(short_name_fault(part, end - part) == NULL);
}

static int
fuzz_names(const uint8_t *data, size_t size)
{
	char	   *text;

	if (size == 0)
		return 0;
	text = exact_copy(data + 1, --size, 0);
	switch (data[0] % 5)
	{
		case 0:
			if (full_name_fault(text, size) == NULL)
				check_full_name(text, size);
			break;
		case 1:
			if (short_name_fault(text, size) == NULL)
				PROMISE(size <= MAX_SHORT_NAME_BYTES &&
						memchr(text, '/', size) == NULL &&
						memchr(text, '\0', size) == NULL);
			break;
		case 2:
			if (version_fault(text, size) == NULL)
				PROMISE(size <= MAX_VERSION_BYTES && is_file_name(text, size));
			break;
		case 3:
			if (module_fault(text, size) == NULL)
				PROMISE(memchr(text, '/', size) == NULL && text[0] != '.');
			break;
		default:
			if (pattern_fault(text, size) == NULL)
				PROMISE(memchr(text, '\0', size) == NULL && text[size - 1] != '/');
	}
	free_blocks();
	return 0;
}

static void
check_answer(const Answer *answer)
{
	ListCell   *lc;

	if (answer->kind == ANSWER_ERROR)
		PROMISE(ERRCODE_TO_CATEGORY(answer->sqlerrcode) != ERRCODE_SUCCESSFUL_COMPLETION &&
				ERRCODE_TO_CATEGORY(answer->sqlerrcode) != ERRCODE_WARNING &&
				ERRCODE_TO_CATEGORY(answer->sqlerrcode) != ERRCODE_NO_DATA);
	if (answer->kind != ANSWER_RESULT)
	{
		PROMISE(answer->message != NULL);
		return;
	}
	PROMISE((answer->created != NULL) != (answer->listing != NULL));
	if (answer->created == NULL)
		return;
	PROMISE(answer->created->extensions != NIL);
	foreach(lc, answer->created->extensions)
	{
		ResultExtension *extension = lfirst(lc);
		ListCell   *module;

		check_full_name(extension->full_name, strlen(extension->full_name));
		PROMISE(is_file_name(extension->name, strlen(extension->name)));
		PROMISE(is_file_name(extension->version, strlen(extension->version)));
		foreach(module, extension->modules)
		{
			const char *library = ((ModuleLink *) lfirst(module))->library;

			PROMISE(is_file_name(library, strlen(library)));
			PROMISE(strstr(library, "--") != NULL);
		}
	}
}

static int
fuzz_answers(const uint8_t *data, size_t size)
{
	MemoryContext caller = MemoryContextSwitchTo(run_context);

	if (size == 0)
		return 0;
	PG_TRY();
	{
		check_answer(parse_answer(exact_copy(data + 1, size - 1, 1), size - 1,
								  (RequestKind) (data[0] % 3)));
	}
	PG_CATCH();
	{
		PROMISE(geterrcode() == ERRCODE_SYSTEM_ERROR);
		FlushErrorState();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	MemoryContextReset(run_context);
	free_blocks();
	return 0;
}

/* As it must stand in the text between double quotes */
static char *
with_doubled_quotes(const char *name)
{
	char	   *doubled = palloc(2 * strlen(name) + 1);
	char	   *to = doubled;

	for (; *name; name++)
	{
		if (*name == '"')
			*to++ = '"';
		*to++ = *name;
	}
	*to = '\0';
	return doubled;
}

/*
 * Whatever PostgreSQL's parser has taken for a name can be read again, and it
 * would make the same of it. Without escapes it stands so in the text.
 */
static void
check_statement(RawStmt *raw, const char *text)
{
	PlannedStmt *pstmt = makeNode(PlannedStmt);
	List	   *places = extension_name_places(raw->stmt);
	List	   *names;
	ListCell   *place;
	ListCell   *name;

	pstmt->commandType = CMD_UTILITY;
	pstmt->utilityStmt = raw->stmt;
	pstmt->stmt_location = raw->stmt_location;
	pstmt->stmt_len = raw->stmt_len;
	names = whole_extension_names(pstmt, text);
	PROMISE(list_length(names) == list_length(places));
	forboth(place, places, name, names)
	{
		const char *seen = *(char **) lfirst(place);
		char	   *cut = pstrdup(lfirst(name));

		truncate_identifier(cut, strlen(cut), false);
		PROMISE(strcmp(cut, seen) == 0);
		PROMISE(strcmp(lfirst(name), seen) == 0 || !is_full_name(lfirst(name)) ||
				strstr(text, "U&\"") != NULL || strstr(text, "u&\"") != NULL ||
				strstr(text, with_doubled_quotes(lfirst(name))) != NULL);
	}
}

static int
fuzz_statements(const uint8_t *data, size_t size)
{
	MemoryContext caller = MemoryContextSwitchTo(run_context);
	char	   *text = exact_copy(data, size, 1);

	PG_TRY();
	{
		ListCell   *lc;

		pg_verifymbstr(text, size, false);
		foreach(lc, pg_parse_query(text))
			check_statement(lfirst_node(RawStmt, lc), text);
	}
	PG_CATCH();
	{
		FlushErrorState();
	}
	PG_END_TRY();
	MemoryContextSwitchTo(caller);
	MemoryContextReset(run_context);
	free_blocks();
	return 0;
}

static const struct
{
	const char *name;
	FuzzCallback callback;
}			targets[] = {
	{"names", fuzz_names},
	{"answers", fuzz_answers},
	{"statements", fuzz_statements}
};

/*
 * fuzz(target text, arguments text[]): the arguments are libFuzzer's own, which
 * does not come back.
 */
Datum
fuzz(PG_FUNCTION_ARGS)
{
	char	   *target = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Datum	   *arguments;
	int			count;
	char	  **argv;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT,
					  &arguments, NULL, &count);
	argv = malloc((count + 2) * sizeof(char *));
	argv[0] = strdup("fuzz");
	for (int i = 0; i < count; i++)
		argv[i + 1] = strdup(TextDatumGetCString(arguments[i]));
	argv[++count] = NULL;
	run_context = AllocSetContextCreate(TopMemoryContext, "one run",
										ALLOCSET_DEFAULT_SIZES);
	for (int i = 0; i < lengthof(targets); i++)
	{
		if (strcmp(targets[i].name, target) == 0)
			LLVMFuzzerRunDriver(&count, &argv, targets[i].callback);
	}
	elog(ERROR, "no target is called \"%s\"", target);
}
