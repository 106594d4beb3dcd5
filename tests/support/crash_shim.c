/* Kills a real, unmodified merkat process at a chosen call: an LD_PRELOAD library.
 *
 *   cc -shared -fPIC -O2 -o crash_shim.so crash_shim.c -ldl
 *   LD_PRELOAD=./crash_shim.so MERKAT_CRASH=CALL:LOGNUMBER[:MODE] MERKAT_CRASH_DIR=DIRECTORY \
 *       merkat ...
 *
 * CALL      MODE                    where the process dies (SIGKILL, nothing is flushed)
 * write     before | after | torn   at the write of the first group whose last log number is at
 *                                   least LOGNUMBER; torn writes the first half of its sectors
 * sync      before | after          at the fsync or fdatasync of that segment after that write
 * rename    before | after          at the first rename after that write
 * truncate  before | after          at the first ftruncate or fallocate after that write
 *
 * rename and truncate count only below MERKAT_CRASH_DIR if it is set. LOGNUMBER 0 means at once,
 * without a group before. MODE is before unless told. One line on stderr says where it died.
 *
 * The log number comes from the group header (docs/spec/journal.md): magic "MKGR", last log number
 * at byte 20, big-endian, at the start of a buffer written to a file named journal-<digits>.seg.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

enum { SECTOR_BYTES = 512, GROUP_HEADER_BYTES = 44, LAST_LOG_NUMBER_AT = 20 };
enum call { NONE, WRITE, SYNC, RENAME, TRUNCATE };
enum mode { BEFORE, AFTER, TORN };

static struct {
    enum call call;
    enum mode mode;
    uint64_t log_number;
    char directory[PATH_MAX];
} plan;
static volatile int reached;
static char segment[PATH_MAX]; /* the file of the group that reached the log number */
static pthread_once_t once = PTHREAD_ONCE_INIT;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void refuse(const char *text) {
    fprintf(stderr, "crash_shim: MERKAT_CRASH=%s: expected CALL:LOGNUMBER[:MODE]\n", text);
    _exit(2);
}

static void read_plan(void) {
    const char *text = getenv("MERKAT_CRASH");
    if (text == NULL) return;
    char call[16] = "", mode[16] = "before";
    unsigned long long number;
    if (sscanf(text, "%15[a-z]:%llu:%15[a-z]", call, &number, mode) < 2) refuse(text);
    const char *calls[] = {"", "write", "sync", "rename", "truncate"};
    const char *modes[] = {"before", "after", "torn"};
    int found = -1;
    for (int index = WRITE; index <= TRUNCATE; index++)
        if (strcmp(call, calls[index]) == 0) plan.call = (enum call)index;
    for (int index = BEFORE; index <= TORN; index++)
        if (strcmp(mode, modes[index]) == 0) found = index;
    if (plan.call == NONE || found < 0 || (found == TORN && plan.call != WRITE)) refuse(text);
    plan.mode = (enum mode)found;
    plan.log_number = number;
    reached = number == 0 && plan.call != WRITE;
    const char *directory = getenv("MERKAT_CRASH_DIR");
    if (directory != NULL && realpath(directory, plan.directory) == NULL)
        snprintf(plan.directory, sizeof plan.directory, "%s", directory);
}

static void die(const char *where, const char *path) {
    char line[PATH_MAX + 128];
    int length = snprintf(line, sizeof line, "crash_shim: killed %s %s (log number %llu)\n", where,
                          path, (unsigned long long)plan.log_number);
    if (length > 0) (void)!REAL(write)(2, line, (size_t)length);
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static int path_of(int file, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
    return length > 0;
}

/* Whether the file is journal-<digits>.seg. */
static int is_segment(const char *path) {
    const char *name = strrchr(path, '/');
    name = name == NULL ? path : name + 1;
    if (strncmp(name, "journal-", 8) != 0) return 0;
    size_t digits = strspn(name + 8, "0123456789");
    return digits > 0 && strcmp(name + 8 + digits, ".seg") == 0;
}

static int below_directory(const char *path) {
    if (plan.directory[0] == 0) return 1;
    char folder[PATH_MAX], full[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash == NULL) strcpy(folder, ".");
    else if (slash == folder) slash[1] = 0;
    else *slash = 0;
    if (realpath(folder, full) == NULL) return 0;
    size_t length = strlen(plan.directory);
    return strncmp(full, plan.directory, length) == 0 && (full[length] == 0 || full[length] == '/');
}

/* Whether this buffer is a group at or after the log number, written to a segment. */
static int is_the_group(int file, const unsigned char *bytes, size_t count, char *path) {
    if (count < GROUP_HEADER_BYTES || memcmp(bytes, "MKGR", 4) != 0) return 0;
    if (!path_of(file, path) || !is_segment(path)) return 0;
    uint64_t last = 0;
    for (int index = 0; index < 8; index++) last = last << 8 | bytes[LAST_LOG_NUMBER_AT + index];
    return last >= plan.log_number;
}

typedef ssize_t (*positioned_write)(int, const void *, size_t, off_t);

static ssize_t write_group(positioned_write real, int file, const void *bytes, size_t count,
                           off_t at) {
    char path[PATH_MAX];
    pthread_once(&once, read_plan);
    if (plan.call == NONE || !is_the_group(file, bytes, count, path))
        return real(file, bytes, count, at);
    if (plan.call != WRITE) {
        if (!reached) strcpy(segment, path);
        reached = 1;
        return real(file, bytes, count, at);
    }
    if (plan.mode == BEFORE) die("before write", path);
    size_t half = count / SECTOR_BYTES / 2 * SECTOR_BYTES;
    ssize_t written = real(file, bytes, plan.mode == TORN ? half : count, at);
    die(plan.mode == TORN ? "in the middle of write" : "after write", path);
    return written;
}

ssize_t pwrite(int file, const void *bytes, size_t count, off_t at) {
    return write_group(REAL(pwrite), file, bytes, count, at);
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) {
    return write_group((positioned_write)REAL(pwrite64), file, bytes, count, at);
}

static ssize_t plain_write(int file, const void *bytes, size_t count, off_t at) {
    (void)at;
    return REAL(write)(file, bytes, count);
}

ssize_t write(int file, const void *bytes, size_t count) {
    return write_group(plain_write, file, bytes, count, 0);
}

static int at_sync(int (*real)(int), int file) {
    char path[PATH_MAX];
    pthread_once(&once, read_plan);
    int chosen = plan.call == SYNC && reached && path_of(file, path) && is_segment(path) &&
                 (segment[0] == 0 || strcmp(path, segment) == 0);
    if (chosen && plan.mode == BEFORE) die("before sync", path);
    int result = real(file);
    if (chosen) die("after sync", path);
    return result;
}

int fsync(int file) { return at_sync(REAL(fsync), file); }

int fdatasync(int file) { return at_sync(REAL(fdatasync), file); }

/* Whether to die at this call; dies already if the mode is before. */
static int chosen_at(enum call call, const char *path, const char *where) {
    pthread_once(&once, read_plan);
    if (plan.call != call || !reached || !below_directory(path)) return 0;
    if (plan.mode == BEFORE) die(where, path);
    return 1;
}

int rename(const char *from, const char *to) {
    int chosen = chosen_at(RENAME, to, "before rename");
    int result = REAL(rename)(from, to);
    if (chosen) die("after rename", to);
    return result;
}

/* A name relative to an open folder, as a path. */
static const char *joined(int folder, const char *name, char *path) {
    char base[PATH_MAX];
    if (name[0] == '/' || !path_of(folder, base)) return name;
    snprintf(path, 2 * PATH_MAX, "%s/%s", base, name);
    return path;
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    char path[2 * PATH_MAX];
    const char *full = joined(to_folder, to, path);
    int chosen = chosen_at(RENAME, full, "before rename");
    int result = REAL(renameat)(from_folder, from, to_folder, to);
    if (chosen) die("after rename", full);
    return result;
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    char path[2 * PATH_MAX];
    const char *full = joined(to_folder, to, path);
    int chosen = chosen_at(RENAME, full, "before rename");
    int result = REAL(renameat2)(from_folder, from, to_folder, to, flags);
    if (chosen) die("after rename", full);
    return result;
}

/* The same wrapper for every call that sets the length of an open file. */
#define LENGTH_CALL(name, parameters, arguments)                                     \
    int name parameters {                                                            \
        char path[PATH_MAX];                                                         \
        int chosen = path_of(file, path) && chosen_at(TRUNCATE, path, "before " #name); \
        int result = REAL(name) arguments;                                           \
        if (chosen) die("after " #name, path);                                       \
        return result;                                                               \
    }

int fallocate(int, int, off_t, off_t);
int fallocate64(int, int, off64_t, off64_t);
int posix_fallocate(int, off_t, off_t);
int posix_fallocate64(int, off64_t, off64_t);

LENGTH_CALL(ftruncate, (int file, off_t length), (file, length))
LENGTH_CALL(ftruncate64, (int file, off64_t length), (file, length))
LENGTH_CALL(fallocate, (int file, int kind, off_t at, off_t length), (file, kind, at, length))
LENGTH_CALL(fallocate64, (int file, int kind, off64_t at, off64_t length), (file, kind, at, length))
LENGTH_CALL(posix_fallocate, (int file, off_t at, off_t length), (file, at, length))
LENGTH_CALL(posix_fallocate64, (int file, off64_t at, off64_t length), (file, at, length))
