/* Preloaded into a daemon, jumps its CLOCK_BOOTTIME forward as a suspend does: on SIGUSR2, by the seconds sent with it.
 *
 * The clock itself belongs to the machine and is never touched. A process of one thread may enter a time namespace
 * while it lives (time_namespaces(7)); each jump enters a new one, and so do the children it then makes.
 * A confined daemon may do none of this, so in its process the library also keeps the filter of system calls and Landlock
 * from being put on; what they forbid is another test's affair. CLOCK_MONOTONIC stays, as in suspend. What a suspend does and this does not: timers armed before keep their instants.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* From the machine's own clock to the one this process has. */
static long offset_s;

int seccomp_load(void* filter) {
  (void)filter;
  return 0;
}

long syscall(long number, ...) {
  static long (*next)(long, ...) = NULL;
  if (next == NULL) *(void**)&next = dlsym(RTLD_NEXT, "syscall");
  if (number == SYS_landlock_create_ruleset) {
    errno = ENOSYS;
    return -1;
  }
  va_list rest;
  va_start(rest, number);
  long words[6];
  for (int i = 0; i < 6; ++i) words[i] = va_arg(rest, long);
  va_end(rest);
  return next(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

/* The process that starts programs for the daemon gives its signals back their defaults; it must sleep like the daemon. */
sighandler_t signal(int number, sighandler_t handler) {
  static sighandler_t (*next)(int, sighandler_t) = NULL;
  if (next == NULL) *(void**)&next = dlsym(RTLD_NEXT, "signal");
  return number == SIGUSR2 ? SIG_DFL : next(number, handler);
}

static void complain(const char* what) {
  dprintf(STDERR_FILENO, "jump: %s: %s\n", what, strerror(errno));
}

static void enter_new_namespace(void) {
  char line[64];
  const int length = snprintf(line, sizeof line, "boottime %ld 0\n", offset_s);
  if (unshare(CLONE_NEWTIME) != 0) return complain("unshare");
  const int offsets = open("/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
  if (offsets < 0 || write(offsets, line, (size_t)length) != length) complain("timens_offsets");
  close(offsets);
  const int made = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
  if (made < 0 || setns(made, CLONE_NEWTIME) != 0) complain("setns");
  close(made);
}

static void on_signal(int number, siginfo_t* sent, void* context) {
  (void)number;
  (void)context;
  const int error = errno;
  offset_s += sent->si_value.sival_int;
  enter_new_namespace();
  errno = error;
}

__attribute__((constructor)) static void begin(void) {
  FILE* offsets = fopen("/proc/self/timens_offsets", "re");
  if (offsets != NULL && fscanf(offsets, "monotonic %*d %*d boottime %ld", &offset_s) != 1) offset_s = 0;
  if (offsets != NULL) fclose(offsets);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_signal;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(SIGUSR2, &action, NULL);
}
