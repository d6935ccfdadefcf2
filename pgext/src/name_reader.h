/*
 * name_reader.h
 *		The words and names of a statement's text, uncut.
 */
#ifndef PGINSTALL_NAME_READER_H
#define PGINSTALL_NAME_READER_H

#include "parser/scanner.h"

/* Stands before one token of a text, at first before the first */
typedef struct NameReader
{
	char	   *text;
	core_yy_extra_type extra;
	core_yyscan_t scanner;
	int			silence;
	int			token;
	core_YYSTYPE value;
	YYLTYPE		location;
} NameReader;

extern void open_reader(NameReader *reader, char *text);
extern void close_reader(NameReader *reader);
extern bool at_end(const NameReader *reader);
extern bool at_word(const NameReader *reader, const char *word);
extern bool at_name(const NameReader *reader);
extern bool skip_token(NameReader *reader, int token);
extern void skip_tokens(NameReader *reader, int count);
extern char *take_name(NameReader *reader);

#endif							/* PGINSTALL_NAME_READER_H */
