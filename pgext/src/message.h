/*
 * message.h
 *		What the sidecar answers, parsed and checked.
 *
 * protocol/socket.schema.json describes the messages, and
 * protocol/corpus/answers.json has good and bad ones.
 */
#ifndef PGINSTALL_MESSAGE_H
#define PGINSTALL_MESSAGE_H

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

/* A line of the protocol, without its line feed */
#define MAX_MESSAGE_BYTES (1024 * 1024)

typedef enum RequestKind
{
	REQUEST_CREATE_EXTENSION,
	REQUEST_LOAD_MODULE,
	REQUEST_SEARCH,
	REQUEST_STATUS
} RequestKind;

typedef enum AnswerKind
{
	ANSWER_NOTICE,
	ANSWER_ERROR,
	ANSWER_RESULT
} AnswerKind;

/* A module as the scripts name it, and as dynamic_library_path has it */
typedef struct ModuleLink
{
	char	   *module;
	char	   *library;
} ModuleLink;

typedef struct ResultExtension
{
	char	   *name;
	char	   *full_name;
	char	   *version;		/* of the archive */
	char	   *sql_version;	/* what the statement makes of it */
	char	   *digest;
	char	   *repository;
	List	   *modules;		/* of ModuleLink */
} ResultExtension;

typedef struct CreateResult
{
	char	   *exec_path;
	char	   *control_path;
	char	   *module_path;
	List	   *extensions;		/* of ResultExtension, the one asked for first */
} CreateResult;

typedef struct Answer
{
	AnswerKind	kind;

	/* of notices and errors; detail and hint may be NULL */
	int			elevel;
	int			sqlerrcode;
	char	   *message;
	char	   *detail;
	char	   *hint;

	/* of results: one of them, as the request was */
	CreateResult *created;
	char	   *module_path;
	Jsonb	   *listing;
} Answer;

extern Answer *parse_answer(const char *line, int length, RequestKind request);

#endif							/* PGINSTALL_MESSAGE_H */
