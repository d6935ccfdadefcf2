/*
 * sidecar_socket.h
 *		The socket to the sidecar, and whose process is at its other end.
 */
#ifndef PGINSTALL_SIDECAR_SOCKET_H
#define PGINSTALL_SIDECAR_SOCKET_H

#include <sys/un.h>

extern void reserve_sidecar_socket(void);
extern void release_sidecar_socket(pgsocket sock);
extern pgsocket open_sidecar_socket(void);
extern void sidecar_address(struct sockaddr_un *address);
extern uid_t check_sidecar_peer(pgsocket sock);

#endif							/* PGINSTALL_SIDECAR_SOCKET_H */
