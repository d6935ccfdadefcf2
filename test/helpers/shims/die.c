/*
 * die.c
 *		A process that dies at the Nth change of files below a directory, as if
 *		killed, or as if the machine's power failed between two system calls.
 *
 * PGINSTALL_TEST_DIE_IN names the directory, PGINSTALL_TEST_DIE_AT the step
 * (0 for never), PGINSTALL_TEST_DIE_COUNTER a file of four bytes that counts
 * the steps. A write that is the last step is done by half.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static unsigned int *counter = NULL;
static unsigned int last = 0;
static const char *directory = NULL;

__attribute__((constructor))
static void
prepare(void)
{
	const char *file = getenv("PGINSTALL_TEST_DIE_COUNTER");
	const char *at = getenv("PGINSTALL_TEST_DIE_AT");
	int			fd = file ? open(file, O_RDWR) : -1;
	void	   *map;

	if (fd < 0)
		return;
	map = mmap(NULL, sizeof(*counter), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (map == MAP_FAILED)
		return;
	last = at ? (unsigned int) atol(at) : 0;
	directory = getenv("PGINSTALL_TEST_DIE_IN");
	counter = map;
}

static int
is_last(void)
{
	return __sync_add_and_fetch(counter, 1) == last;
}

static void
die(void)
{
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

static int
is_ours(const char *path)
{
	return counter && directory && path &&
		strncmp(path, directory, strlen(directory)) == 0;
}

static int
is_our_file(int fd)
{
	char		link[64];
	char		path[4096];
	ssize_t		length;

	if (!counter)
		return 0;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof(path) - 1);
	if (length < 0)
		return 0;
	path[length] = '\0';
	return is_ours(path);
}

static void
step(const char *path)
{
	if (is_ours(path) && is_last())
		die();
}

static void
file_step(int fd)
{
	if (is_our_file(fd) && is_last())
		die();
}

#define REAL(name) ((__typeof__(&name)) dlsym(RTLD_NEXT, #name))

#define OPENER(name) \
int \
name(const char *path, int flags,...) \
{ \
	va_list		args; \
	mode_t		mode; \
	va_start(args, flags); \
	mode = va_arg(args, mode_t); \
	va_end(args); \
	if (flags & (O_CREAT | O_TRUNC)) \
		step(path); \
	return REAL(name) (path, flags, mode); \
}

OPENER(open)
OPENER(open64)

#define ON_PATH(name, declaration, arguments, path) \
int \
name declaration \
{ \
	step(path); \
	return REAL(name) arguments; \
}

ON_PATH(mkdir, (const char *path, mode_t mode), (path, mode), path)
ON_PATH(rmdir, (const char *path), (path), path)
ON_PATH(unlink, (const char *path), (path), path)
ON_PATH(rename, (const char *from, const char *to), (from, to), to)
ON_PATH(link, (const char *from, const char *to), (from, to), to)
ON_PATH(symlink, (const char *target, const char *path), (target, path), path)

int
fsync(int fd)
{
	file_step(fd);
	return REAL(fsync) (fd);
}

int
unlinkat(int fd, const char *path, int flags)
{
	file_step(fd);
	return REAL(unlinkat) (fd, path, flags);
}

ssize_t
write(int fd, const void *bytes, size_t count)
{
	if (is_our_file(fd) && is_last())
	{
		(void) !REAL(write) (fd, bytes, count / 2);
		die();
	}
	return REAL(write) (fd, bytes, count);
}

#define WRITER(name) \
ssize_t \
name(int fd, const void *bytes, size_t count, off_t offset) \
{ \
	if (is_our_file(fd) && is_last()) \
	{ \
		(void) !REAL(name) (fd, bytes, count / 2, offset); \
		die(); \
	} \
	return REAL(name) (fd, bytes, count, offset); \
}

WRITER(pwrite)
WRITER(pwrite64)
