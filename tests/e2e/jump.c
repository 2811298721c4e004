/* Preloaded into a daemon, jumps its CLOCK_BOOTTIME forward as a suspend does: on SIGUSR2, by the seconds sent with it.
 *
 * The clock itself belongs to the machine and is never touched. A process of one thread may enter a time namespace
 * while it lives (time_namespaces(7)); each jump enters a new one, and so do the children it then makes.
 * CLOCK_MONOTONIC stays, as in suspend. What a suspend does and this does not: timers armed before keep their instants.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* From the machine's own clock to the one this process has. */
static long offset_s;

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
