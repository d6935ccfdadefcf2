/*
 * names.c
 *		The grammar of full names, short names, versions, modules and patterns.
 *
 * Whatever passes here ends up in file names and in SQL, and the sidecar reads
 * it with a parser of its own: protocol/corpus/names.json holds both to the
 * same answers. Character classes are ASCII by hand, since isalnum() depends
 * on the locale.
 */
#include "postgres.h"

#include "names.h"

#define MAX_HOST_LABEL_BYTES 63

StaticAssertDecl(MAX_SHORT_NAME_BYTES < NAMEDATALEN,
				 "an extension name must fit type name");

static bool
is_lower_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool
is_letter_or_digit(char c)
{
	return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z');
}

/* Letters, digits and any of the characters of "more" */
static bool
has_only(const char *text, size_t length, const char *more)
{
	for (size_t i = 0; i < length; i++)
	{
		if (is_letter_or_digit(text[i]))
			continue;
		if (text[i] == '\0' || strchr(more, text[i]) == NULL)
			return false;
	}
	return true;
}

static bool
has_double_hyphen(const char *text, size_t length)
{
	for (size_t i = 0; i + 1 < length; i++)
	{
		if (text[i] == '-' && text[i + 1] == '-')
			return true;
	}
	return false;
}

/* Bytes up to the next separator or the end */
static size_t
part_length(const char *text, const char *end, char separator)
{
	const char *found = memchr(text, separator, end - text);

	return (found ? found : end) - text;
}

static const char *
host_fault(const char *host, size_t length)
{
	const char *end = host + length;
	const char *label = host;

	if (length > 0 && host[length - 1] == ':')
		return "The name begins with a scheme: leave it out, with the \"//\" behind it.";
	if (memchr(host, '.', length) == NULL)
		return "The host has no dot.";

	for (;;)
	{
		size_t		n = part_length(label, end, '.');

		if (n == 0 || n > MAX_HOST_LABEL_BYTES ||
			label[0] == '-' || label[n - 1] == '-')
			return "The host is not a host name.";
		for (size_t i = 0; i < n; i++)
		{
			if (!is_lower_or_digit(label[i]) && label[i] != '-')
				return "The host is not a host name in lower case; international names are written as punycode.";
		}
		if (label + n == end)
			return NULL;
		label += n + 1;
	}
}

static const char *
segment_fault(const char *segment, size_t length)
{
	if (length == 0)
		return "A path segment is empty.";
	if (segment[0] == '.' &&
		(length == 1 || (length == 2 && segment[1] == '.')))
		return "A path segment is \".\" or \"..\".";
	if (!has_only(segment, length, "._~-"))
		return "A path segment has characters other than letters, digits and \"._~-\".";
	if (has_double_hyphen(segment, length))
		return "A path segment has \"--\".";
	return NULL;
}

/*
 * PostgreSQL's own rule, check_valid_extension_name() in
 * src/backend/commands/extension.c, and the length of an identifier.
 */
const char *
short_name_fault(const char *name, size_t length)
{
	if (length == 0)
		return "Extension names must not be empty.";
	if (length > MAX_SHORT_NAME_BYTES)
		return "Extension names are at most " CppAsString2(MAX_SHORT_NAME_BYTES) " bytes long.";
	if (memchr(name, '\0', length) != NULL)
		return "Extension names must not contain NUL.";
	if (memchr(name, '/', length) != NULL)
		return "Extension names must not contain \"/\".";
	if (has_double_hyphen(name, length))
		return "Extension names must not contain \"--\".";
	if (name[0] == '-' || name[length - 1] == '-')
		return "Extension names must not begin or end with \"-\".";
	return NULL;
}

/* Host and path: github.com/dim/prefix */
const char *
full_name_fault(const char *name, size_t length)
{
	const char *end = name + length;
	const char *segment = name;
	size_t		n = part_length(name, end, '/');
	const char *fault;

	if (length > MAX_FULL_NAME_BYTES)
		return "Full names are at most " CppAsString2(MAX_FULL_NAME_BYTES) " bytes long.";
	if (n == length)
		return "There is no path after the host.";
	fault = host_fault(name, n);

	while (fault == NULL && segment + n < end)
	{
		segment += n + 1;
		n = part_length(segment, end, '/');
		fault = segment_fault(segment, n);
	}
	return fault ? fault : short_name_fault(segment, n);
}

const char *
version_fault(const char *version, size_t length)
{
	if (length == 0 || length > MAX_VERSION_BYTES)
		return "Versions are 1 to " CppAsString2(MAX_VERSION_BYTES) " bytes long.";
	if (!is_letter_or_digit(version[0]))
		return "Versions begin with a letter or digit.";
	if (!has_only(version, length, "._+~-"))
		return "Versions have only letters, digits and \"._+~-\".";
	if (has_double_hyphen(version, length) || version[length - 1] == '-')
		return "Versions must not contain \"--\" or end with \"-\".";
	return NULL;
}

const char *
module_fault(const char *module, size_t length)
{
	if (length == 0)
		return "Module names must not be empty.";
	if (!is_letter_or_digit(module[0]) && module[0] != '_')
		return "Module names begin with a letter, a digit or \"_\".";
	if (!has_only(module, length, "_.+-"))
		return "Module names have only letters, digits and \"_.+-\".";
	if (has_double_hyphen(module, length))
		return "Module names must not contain \"--\".";
	return NULL;
}

/*
 * Where a module's unique name goes on behind module and "--", else NULL. A
 * host may have "--" (punycode) but does not begin with a hyphen; a module has
 * none but may end with a hyphen.
 */
static const char *
provider_part(const char *library, size_t length)
{
	for (size_t i = 1; i + 2 < length; i++)
	{
		if (library[i] == '-' && library[i + 1] == '-' && library[i + 2] != '-')
			return library + i + 2;
	}
	return NULL;
}

/* Module, "--", and the full name with "+" for "/": see unique_module_name() */
const char *
library_fault(const char *library, size_t length)
{
	const char *provider = provider_part(library, length);
	char		full_name[MAX_UNIQUE_MODULE_BYTES];
	size_t		n;
	const char *fault;

	if (length > MAX_UNIQUE_MODULE_BYTES)
		return "Unique module names are at most " CppAsString2(MAX_UNIQUE_MODULE_BYTES) " bytes long.";
	if (provider == NULL)
		return "There is no \"--\" between a module and its provider.";
	fault = module_fault(library, provider - 2 - library);
	if (fault)
		return fault;
	n = library + length - provider;
	if (memchr(provider, '/', n) != NULL)
		return "The provider has \"/\" where \"+\" is expected.";
	for (size_t i = 0; i < n; i++)
		full_name[i] = provider[i] == '+' ? '/' : provider[i];
	return full_name_fault(full_name, n);
}

/* A full name in which * stands for one segment and a last ** for several */
const char *
pattern_fault(const char *pattern, size_t length)
{
	const char *end = pattern + length;
	const char *part = pattern;

	for (;;)
	{
		size_t		n = part_length(part, end, '/');
		bool		last = part + n == end;
		bool		one = n == 1 && part[0] == '*';
		bool		several = n == 2 && part[0] == '*' && part[1] == '*';

		if (several && !last)
			return "Only the last segment of a pattern can be \"**\".";
		if (!one && !several && (n == 0 || !has_only(part, n, "._~-")))
			return "A pattern is made of path segments, \"*\" for any one and a last \"**\" for several.";
		if (part == pattern && !one && !several && memchr(part, '.', n) == NULL)
			return "A pattern begins with a host, which has a dot, or with \"*\" or \"**\".";
		if (last)
			return NULL;
		part += n + 1;
	}
}

/* A short name has no slash, so whoever writes one means a full name */
bool
is_full_name(const char *name)
{
	return strchr(name, '/') != NULL;
}

const char *
short_name_of(const char *full_name)
{
	const char *slash = strrchr(full_name, '/');

	return slash ? slash + 1 : full_name;
}

/*
 * The name under which dynamic_library_path has a module: unique by provider.
 * A full name has no "+", so two of them never meet.
 */
char *
unique_module_name(const char *module, const char *full_name)
{
	char	   *name = psprintf("%s--%s", module, full_name);

	for (char *c = name + strlen(module); *c; c++)
	{
		if (*c == '/')
			*c = '+';
	}
	return name;
}

/* The provider of a module by its unique name; NULL if it is none */
char *
full_name_of_library(const char *library)
{
	size_t		length = strlen(library);
	char	   *full_name;

	if (library_fault(library, length) != NULL)
		return NULL;
	full_name = pstrdup(provider_part(library, length));
	for (char *c = full_name; *c; c++)
	{
		if (*c == '+')
			*c = '/';
	}
	return full_name;
}
