/*
 * sidecar_socket.c
 *		The socket to the sidecar, and whose process is at its other end.
 */
#include "postgres.h"

#include <fcntl.h>
#include <pwd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guc.h"
#include "sidecar_socket.h"
#include "storage/fd.h"

/* Before PG_TRY: what makes room for a descriptor in this session */
void
reserve_sidecar_socket(void)
{
	if (!AcquireExternalFD())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
				 errmsg("could not connect to the pginstall sidecar: %m"),
				 errdetail("There are too many open files in this session.")));
}

void
release_sidecar_socket(pgsocket sock)
{
	if (sock != PGINVALID_SOCKET)
		close(sock);
	ReleaseExternalFD();
}

pgsocket
open_sidecar_socket(void)
{
	pgsocket	sock = socket(AF_UNIX, SOCK_STREAM, 0);

	if (sock == PGINVALID_SOCKET ||
		fcntl(sock, F_SETFD, FD_CLOEXEC) < 0 ||
		!pg_set_noblock(sock))
	{
		int			save_errno = errno;

		if (sock != PGINVALID_SOCKET)
			close(sock);
		errno = save_errno;
		ereport(ERROR,
				(errcode_for_socket_access(),
				 errmsg("could not create a socket: %m")));
	}
	return sock;
}

void
sidecar_address(struct sockaddr_un *address)
{
	memset(address, 0, sizeof(*address));
	address->sun_family = AF_UNIX;
	strlcpy(address->sun_path, pginstall_socket, sizeof(address->sun_path));
}

/* Numbers are taken as such; a name that nobody has matches nobody */
static bool
is_sidecar_user(uid_t uid)
{
	char	   *end;
	unsigned long number = strtoul(pginstall_sidecar_user, &end, 10);
	struct passwd *pw;

	if (pginstall_sidecar_user[0] >= '0' && pginstall_sidecar_user[0] <= '9' &&
		*end == '\0')
		return number == uid;
	pw = getpwnam(pginstall_sidecar_user);
	return pw != NULL && pw->pw_uid == uid;
}

uid_t
check_sidecar_peer(pgsocket sock)
{
	uid_t		uid;
	gid_t		gid;

	if (getpeereid(sock, &uid, &gid) < 0)
		ereport(ERROR,
				(errcode_for_socket_access(),
				 errmsg("could not tell whose process listens at \"%s\": %m",
						pginstall_socket)));
	if (uid != 0 && uid != geteuid() && !is_sidecar_user(uid))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the process at \"%s\" is not the pginstall sidecar",
						pginstall_socket),
				 errdetail("It runs as the operating system user with number %lu; pginstall.sidecar_user is \"%s\".",
						   (unsigned long) uid, pginstall_sidecar_user),
				 errhint("Set pginstall.sidecar_user if the sidecar runs as that user.")));
	return uid;
}
