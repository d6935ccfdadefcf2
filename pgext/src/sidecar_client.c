/*
 * sidecar_client.c
 *		One request to the sidecar, and its answer.
 *
 * The answer may take minutes, so every wait is one that Ctrl-C,
 * statement_timeout, pg_terminate_backend and the postmaster's death end. What
 * the sidecar says decides which code the server executes: nothing is sent or
 * read before the kernel has told whose process it is.
 */
#include "postgres.h"

#include <sys/socket.h>
#include <sys/un.h>

#include "answer_json.h"
#include "compat.h"
#include "guc.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "sidecar_client.h"
#include "sidecar_socket.h"
#include "storage/latch.h"
#include "utils/timestamp.h"

/* A full backlog gives EAGAIN and no event to wait for */
#define CONNECT_RETRY_MS	20
#define READ_BYTES			8192

typedef struct Connection
{
	pgsocket	sock;
	TimestampTz deadline;		/* 0 for none */
	StringInfoData input;
	int			next;			/* where in input the next line begins */
} Connection;

/*
 * Wait for the events, at most for the limit (-1 for none) and the deadline.
 */
static void
wait_for(Connection *conn, int events, long limit_ms)
{
	long		timeout = limit_ms;
	static uint32 wait_event = 0;

	if (wait_event == 0)
		wait_event = sidecar_wait_event();
	if (conn->deadline != 0)
	{
		long		left = TimestampDifferenceMilliseconds(GetCurrentTimestamp(),
														   conn->deadline);

		if (left <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_QUERY_CANCELED),
					 errmsg("canceling statement due to pginstall.timeout"),
					 errdetail("The pginstall sidecar has not answered within %d ms.",
							   pginstall_timeout),
					 errhint("The sidecar may still be at work and be faster the next time; or raise pginstall.timeout.")));
		timeout = limit_ms < 0 ? left : Min(limit_ms, left);
	}

	(void) WaitLatchOrSocket(MyLatch,
							 events | WL_LATCH_SET | WL_EXIT_ON_PM_DEATH |
							 (timeout < 0 ? 0 : WL_TIMEOUT),
							 conn->sock, timeout, wait_event);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

static void
connect_to_sidecar(Connection *conn)
{
	struct sockaddr_un address;

	sidecar_address(&address);

	while (connect(conn->sock, (struct sockaddr *) &address,
				   sizeof(address)) < 0)
	{
		if (errno == EAGAIN)
			wait_for(conn, 0, CONNECT_RETRY_MS);
		else if (errno != EINTR)
			ereport(ERROR,
					(errcode(ERRCODE_SYSTEM_ERROR),
					 errmsg("could not connect to the pginstall sidecar at \"%s\": %m",
							pginstall_socket),
					 errdetail("Only extensions that PostgreSQL itself has can be created without it."),
					 errhint("Start the sidecar: systemctl start pginstall-sidecar, or pginstall sidecar; or set pginstall.socket.")));
	}
}

static void
send_request(Connection *conn, const char *request)
{
	size_t		left = strlen(request);

	while (left > 0)
	{
		ssize_t		sent = send(conn->sock, request, left, MSG_NOSIGNAL);

		if (sent >= 0)
		{
			request += sent;
			left -= sent;
		}
		else if (errno == EAGAIN || errno == EWOULDBLOCK)
			wait_for(conn, WL_SOCKET_WRITEABLE, -1);
		else if (errno == EPIPE || errno == ECONNRESET)
			return;				/* it may have said why before it hung up */
		else if (errno != EINTR)
			ereport(ERROR,
					(errcode(ERRCODE_SYSTEM_ERROR),
					 errmsg("could not send to the pginstall sidecar: %m")));
	}
}

/* More bytes of input; false at its end */
static bool
receive_more(Connection *conn)
{
	for (;;)
	{
		ssize_t		got;

		enlargeStringInfo(&conn->input, READ_BYTES);
		got = recv(conn->sock, conn->input.data + conn->input.len,
				   READ_BYTES, 0);
		if (got > 0)
		{
			conn->input.len += got;
			conn->input.data[conn->input.len] = '\0';
			return true;
		}
		if (got == 0 || errno == ECONNRESET)
			return false;
		if (errno == EAGAIN || errno == EWOULDBLOCK)
			wait_for(conn, WL_SOCKET_READABLE, -1);
		else if (errno != EINTR)
			ereport(ERROR,
					(errcode(ERRCODE_SYSTEM_ERROR),
					 errmsg("could not read from the pginstall sidecar: %m")));
	}
}

/* The next line, its line feed made a NUL; valid until the next call */
static char *
receive_line(Connection *conn, int *length)
{
	int			searched = 0;

	/* forget the line before */
	memmove(conn->input.data, conn->input.data + conn->next,
			conn->input.len - conn->next + 1);
	conn->input.len -= conn->next;
	conn->next = 0;

	for (;;)
	{
		char	   *feed = memchr(conn->input.data + searched, '\n',
								  conn->input.len - searched);

		CHECK_FOR_INTERRUPTS();
		if (feed)
		{
			*feed = '\0';
			*length = feed - conn->input.data;
			conn->next = *length + 1;
			return conn->input.data;
		}
		searched = conn->input.len;
		if (searched > MAX_MESSAGE_BYTES)
			bad_answer("A line has more than %d bytes.", MAX_MESSAGE_BYTES);
		if (!receive_more(conn))
			ereport(ERROR,
					(errcode(ERRCODE_SYSTEM_ERROR),
					 errmsg("the pginstall sidecar hung up before it had answered"),
					 errhint("See the sidecar's log.")));
	}
}

/* Outside text is never a format */
void
report_answer(const Answer *answer)
{
	ereport(answer->elevel,
			(answer->kind == ANSWER_ERROR ? errcode(answer->sqlerrcode) : 0,
			 errmsg_internal("%s", answer->message),
			 answer->detail ? errdetail_internal("%s", answer->detail) : 0,
			 answer->hint ? errhint("%s", answer->hint) : 0));
}

/* The result or the error; notices are shown as they come */
static Answer *
receive_answer(Connection *conn, RequestKind kind)
{
	for (;;)
	{
		int			length;
		char	   *line = receive_line(conn, &length);
		Answer	   *answer = parse_answer(line, length, kind);

		if (answer->kind != ANSWER_NOTICE)
			return answer;
		report_answer(answer);
	}
}

static Answer *
converse(Connection *conn, const char *request, RequestKind kind, uid_t *peer)
{
	conn->sock = open_sidecar_socket();
	connect_to_sidecar(conn);
	*peer = check_sidecar_peer(conn->sock);
	send_request(conn, request);
	return receive_answer(conn, kind);
}

/*
 * Sends the request and returns the result, or the error that the sidecar
 * answers, with whose process it came from. Raises 58000 if it is not there or
 * not to be understood, 42501 if it is another's process, 57014 when
 * pginstall.timeout has passed.
 */
Answer *
try_sidecar(const char *request, RequestKind kind, uid_t *peer)
{
	Connection	conn;
	Answer	   *volatile answer = NULL;

	initStringInfo(&conn.input);
	conn.next = 0;
	conn.sock = PGINVALID_SOCKET;
	conn.deadline = pginstall_timeout == 0 ? 0 :
		TimestampTzPlusMilliseconds(GetCurrentTimestamp(),
									(int64) pginstall_timeout);

	reserve_sidecar_socket();
	PG_TRY();
	{
		answer = converse(&conn, request, kind, peer);
	}
	PG_FINALLY();
	{
		release_sidecar_socket(conn.sock);
	}
	PG_END_TRY();
	return answer;
}

/* The same; an error of the sidecar's is raised as it is */
Answer *
ask_sidecar(const char *request, RequestKind kind, uid_t *peer)
{
	Answer	   *answer = try_sidecar(request, kind, peer);

	if (answer->kind == ANSWER_ERROR)
		report_answer(answer);
	return answer;
}

/*
 * Sends a request that wants no answer, if that can be done without waiting;
 * else nobody hears of it.
 */
void
notify_sidecar(const char *request)
{
	pgsocket volatile sock = PGINVALID_SOCKET;
	struct sockaddr_un address;

	sidecar_address(&address);
	reserve_sidecar_socket();
	PG_TRY();
	{
		sock = open_sidecar_socket();
		if (connect(sock, (struct sockaddr *) &address, sizeof(address)) == 0)
		{
			(void) check_sidecar_peer(sock);
			if (send(sock, request, strlen(request), MSG_NOSIGNAL) < 0)
				ereport(DEBUG1,
						(errmsg_internal("could not send to the pginstall sidecar: %m")));
		}
	}
	PG_FINALLY();
	{
		release_sidecar_socket(sock);
	}
	PG_END_TRY();
}
