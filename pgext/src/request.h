/*
 * request.h
 *		What is asked of the sidecar, as lines of the protocol.
 */
#ifndef PGINSTALL_REQUEST_H
#define PGINSTALL_REQUEST_H

#include "record.h"

extern char *create_extension_request(const char *extension,
									  const char *version, bool cascade,
									  const List *installed);
extern char *update_extension_request(const InstalledExtension *present,
									  const char *version,
									  const List *installed);
extern char *load_module_request(const char *library, const char *version,
								 bool wait);
extern char *search_request(const char *text);
extern char *available_request(const char *pattern);
extern char *status_request(void);

#endif							/* PGINSTALL_REQUEST_H */
