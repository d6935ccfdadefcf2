/*
 * name_reader.c
 *		The words and names of a statement's text, uncut.
 *
 * The scanner is the one that PostgreSQL's parser uses, so that comments,
 * strings and quotes are what they were to the parser. It cuts names as it did
 * then, but has what it has read in its buffer still.
 */
#include "postgres.h"

#include "compat.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "name_reader.h"
#include "parser/scansup.h"

#define END_OF_TEXT 0

/* parser/scanner.h promises these to every parser that is built on the scanner */
enum
{
	IDENT = 258,
	UIDENT,
	FCONST,
	SCONST
};

/* The scanner would tell again of each name that it cuts */
static int
begin_silence(void)
{
	static const char *const settings[] = {"client_min_messages", "log_min_messages"};
	int			nest_level = NewGUCNestLevel();

	for (int i = 0; i < lengthof(settings); i++)
		(void) set_config_option(settings[i], "error", PGC_SUSET,
								 PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return nest_level;
}

/*
 * Until close_reader(); an error needs none, its abort ends the silence.
 * Without keywords the scanner takes every word for a name.
 */
void
open_reader(NameReader *reader, char *text)
{
	static const ScanKeywordList no_keywords = {0};

	reader->text = text;
	reader->scanner = scanner_init(text, &reader->extra, &no_keywords, NULL);
	reader->silence = begin_silence();
	reader->token = core_yylex(&reader->value, &reader->location,
							   reader->scanner);
}

void
close_reader(NameReader *reader)
{
	AtEOXact_GUC(true, reader->silence);
	scanner_finish(reader->scanner);
}

bool
at_end(const NameReader *reader)
{
	return reader->token == END_OF_TEXT || reader->token == ';';
}

static bool
at_quote(const NameReader *reader)
{
	return reader->text[reader->location] == '"';
}

bool
at_word(const NameReader *reader, const char *word)
{
	return reader->token == IDENT && !at_quote(reader) &&
		strcmp(reader->value.str, word) == 0;
}

bool
at_name(const NameReader *reader)
{
	return reader->token == IDENT || reader->token == UIDENT;
}

void
skip_tokens(NameReader *reader, int count)
{
	while (count-- > 0 && !at_end(reader))
		reader->token = core_yylex(&reader->value, &reader->location,
								   reader->scanner);
}

/* Whether it was there */
bool
skip_token(NameReader *reader, int token)
{
	if (reader->token != token)
		return false;
	skip_tokens(reader, 1);
	return true;
}

/* A name without quotes */
static char *
plain_name(const char *text)
{
	static const char in_names[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_$";
	const char *end = text;

	while (IS_HIGHBIT_SET(*end) || (*end && strchr(in_names, *end)))
		end++;
	return downcase_identifier(text, end - text, false, false);
}

/*
 * What stands in U&"...", like str_udeescape() of PostgreSQL's parser.c, which
 * has refused what is malformed; NULL if this did not pass there.
 */
static char *
unescape(const char *from, char escape)
{
	StringInfoData name;
	pg_wchar	first = 0;

	initStringInfo(&name);
	while (*from)
	{
		unsigned char character[MAX_UNICODE_EQUIVALENT_STRING + 1];
		pg_wchar	code;
		int			digits = 4;

		if (*from != escape || *++from == escape)
		{
			appendStringInfoChar(&name, *from++);
			continue;
		}
		if (*from == '+')
		{
			digits = 6;
			from++;
		}
		if (strspn(from, "0123456789ABCDEFabcdef") < digits)
			return NULL;
		code = strtoul(pnstrdup(from, digits), NULL, 16);
		from += digits;
		if (is_utf16_surrogate_first(code))
		{
			first = code;
			continue;
		}
		if (is_utf16_surrogate_second(code))
			code = surrogate_pair_to_codepoint(first, code);
		pg_unicode_to_server(code, character);
		appendStringInfoString(&name, (char *) character);
	}
	return name.data;
}

/* NULL if no name is there; else the reader stands behind it */
char *
take_name(NameReader *reader)
{
	char	   *name;
	char		escape = '\\';

	if (reader->token == IDENT)
	{
		name = at_quote(reader) ?
			pnstrdup(reader->extra.literalbuf, reader->extra.literallen) :
			plain_name(reader->text + reader->location);
		skip_tokens(reader, 1);
		return name;
	}
	if (reader->token != UIDENT)
		return NULL;

	name = reader->value.str;
	skip_tokens(reader, 1);
	if (at_word(reader, "uescape"))
	{
		skip_tokens(reader, 1);
		if (reader->token != SCONST)
			return NULL;
		escape = *reader->value.str;
		skip_tokens(reader, 1);
	}
	return unescape(name, escape);
}
