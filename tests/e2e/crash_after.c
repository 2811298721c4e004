/* Preloaded into fob, numbers the calls by which it changes something outside of itself: files, and what it sends to
 * other processes. CRASH_LOG is a file that takes their names and subjects. CRASH_AT says at which: "file 3" is the third
 * of those on files, "sent 3" of the others, whose number may vary with a keyring's. CRASH_HOW is:
 *
 *   after    the call is made, and then the process is killed
 *   before   the process is killed; of a write, half of the bytes got out
 *   ENOSPC   this call and all later ones on files fail, as on a full disk; only unlink(2) still works
 *   EIO      this call fails, and no other; calls on files only, too
 *
 * What is wrapped is what fob calls. test_crash.py holds the log against strace, so that nothing slips through.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The log is memory that the test shares, since it must outlive the process and make no call of its own. */
enum { ENTRY = 256, ENTRIES = 1024 };
typedef enum { AFTER, BEFORE, FULL_DISK, BROKEN_ONCE } How;
typedef enum { ON_FILE, SENT, KINDS } Kind;

static char (*entries)[ENTRY];
static atomic_int logged;
static atomic_int counts[KINDS];
static int crash_at[KINDS];
static How how;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
  const char* log = getenv("CRASH_LOG");
  const char* at = getenv("CRASH_AT");
  const char* said = getenv("CRASH_HOW");
  const int file = log == NULL ? -1 : REAL(open)(log, O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  void* shared = mmap(NULL, (size_t)ENTRY * ENTRIES, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (shared == MAP_FAILED) abort();
  entries = shared;
  if (at != NULL && sscanf(at, "file %d", &crash_at[ON_FILE]) != 1) sscanf(at, "sent %d", &crash_at[SENT]);
  how = said == NULL || strcmp(said, "after") == 0 ? AFTER
        : strcmp(said, "before") == 0              ? BEFORE
        : strcmp(said, "ENOSPC") == 0              ? FULL_DISK
                                                   : BROKEN_ONCE;
}

static void crash(void) {
  syscall(SYS_kill, getpid(), SIGKILL);
  for (;;) pause();
}

static int is_file(int fd) {
  struct stat facts;
  return fstat(fd, &facts) == 0 && (S_ISREG(facts.st_mode) || S_ISDIR(facts.st_mode));
}

/* The call's number among those of its kind; 0: nobody counts. */
static int note(Kind kind, const char* call, const char* subject) {
  if (entries == NULL) return 0;
  const int entry = atomic_fetch_add(&logged, 1);
  if (entry >= ENTRIES) abort();
  snprintf(entries[entry], ENTRY, "%s %s", call, subject);
  return atomic_fetch_add(&counts[kind], 1) + 1;
}

static int note_fd(Kind kind, const char* call, int fd) {
  char link[32];
  char path[ENTRY] = "";
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  if (readlink(link, path, sizeof path - 1) < 0) abort();
  return note(kind, call, path);
}

static int is_its_turn(Kind kind, int number) { return number > 0 && number == crash_at[kind]; }

static void end_if(Kind kind, int number, How when) {
  if (is_its_turn(kind, number) && how == when) crash();
}

/* Whether a call on a file is to fail; errno says of what. */
static int fails(int number) {
  errno = how == FULL_DISK ? ENOSPC : EIO;
  if (how == FULL_DISK) return crash_at[ON_FILE] > 0 && number >= crash_at[ON_FILE];
  return how == BROKEN_ONCE && is_its_turn(ON_FILE, number);
}

/* `make` is the call itself; `may_fail`, whether a disk can make it fail. */
#define COUNTED(kind, noted, may_fail, make)      \
  do {                                            \
    const int number_ = (noted);                  \
    end_if(kind, number_, BEFORE);                \
    if ((may_fail) && fails(number_)) return -1;  \
    const __typeof__(make) result_ = (make);      \
    const int reason_ = errno;                    \
    end_if(kind, number_, AFTER);                 \
    errno = reason_;                              \
    return result_;                               \
  } while (0)
#define ON_PATH(name, path, may_fail, make) COUNTED(ON_FILE, note(ON_FILE, name, path), may_fail, make)
#define ON_FD(name, fd, make) COUNTED(ON_FILE, note_fd(ON_FILE, name, fd), 1, make)
#define SENDING(name, fd, make) COUNTED(SENT, note_fd(SENT, name, fd), 0, make)

int open(const char* path, int flags, ...) {
  va_list more;
  va_start(more, flags);
  const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(more, mode_t) : 0;
  va_end(more);
  if ((flags & (O_CREAT | O_TRUNC)) == 0) return REAL(open)(path, flags, mode);
  ON_PATH("open", path, 1, REAL(open)(path, flags, mode));
}

ssize_t write(int fd, const void* bytes, size_t size) {
  if (!is_file(fd)) return REAL(write)(fd, bytes, size);
  const int is_next = is_its_turn(ON_FILE, atomic_load(&counts[ON_FILE]) + 1);
  if (is_next && how == BEFORE && REAL(write)(fd, bytes, size / 2) < 0) abort();
  ON_FD("write", fd, REAL(write)(fd, bytes, size));
}

int fsync(int fd) { ON_FD("fsync", fd, REAL(fsync)(fd)); }

int fchmod(int fd, mode_t mode) { ON_FD("fchmod", fd, REAL(fchmod)(fd, mode)); }

int rename(const char* from, const char* to) { ON_PATH("rename", from, 1, REAL(rename)(from, to)); }

int mkdir(const char* path, mode_t mode) { ON_PATH("mkdir", path, 1, REAL(mkdir)(path, mode)); }

int unlink(const char* path) { ON_PATH("unlink", path, how != FULL_DISK, REAL(unlink)(path)); }

ssize_t send(int fd, const void* bytes, size_t size, int flags) {
  SENDING("send", fd, REAL(send)(fd, bytes, size, flags));
}

/* GLib's, towards the keyring. */
ssize_t sendmsg(int fd, const struct msghdr* message, int flags) {
  SENDING("sendmsg", fd, REAL(sendmsg)(fd, message, flags));
}
