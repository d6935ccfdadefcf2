/*
 * names.h
 *		The grammar of full names, short names, versions, modules and patterns.
 *
 * The fault functions return NULL for a good name, else a sentence for DETAIL
 * that says which rule is broken. They take a length because what they check
 * may hold a NUL.
 */
#ifndef PGINSTALL_NAMES_H
#define PGINSTALL_NAMES_H

/* Bytes: a module's link name holds the full name, and a file name ends at 255 */
#define MAX_FULL_NAME_BYTES		150
#define MAX_SHORT_NAME_BYTES	63
#define MAX_VERSION_BYTES		64
#define MAX_UNIQUE_MODULE_BYTES 200

extern const char *full_name_fault(const char *name, size_t length);
extern const char *short_name_fault(const char *name, size_t length);
extern const char *version_fault(const char *version, size_t length);
extern const char *module_fault(const char *module, size_t length);
extern const char *library_fault(const char *library, size_t length);
extern const char *pattern_fault(const char *pattern, size_t length);

extern bool is_full_name(const char *name);
extern const char *short_name_of(const char *full_name);
extern char *unique_module_name(const char *module, const char *full_name);
extern char *full_name_of_library(const char *library);

#endif							/* PGINSTALL_NAMES_H */
