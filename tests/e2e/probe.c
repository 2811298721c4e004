/* Tries what a captured program would, in whatever context it is started; one line an attempt: its name and 0, or the
 * errno it failed with. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static int result(long value) { return value < 0 ? errno : 0; }

static int opened(const char* path, int flags) {
  const int fd = open(path, flags | O_CLOEXEC, 0600);
  const int error = result(fd);
  if (fd >= 0) close(fd);
  return error;
}

static int with_socket(int family, int type) {
  const int fd = socket(family, type, 0);
  const int error = result(fd);
  if (fd >= 0) close(fd);
  return error;
}

static int executed(const char* path) {
  const pid_t child = fork();
  if (child < 0) return errno;
  if (child == 0) {
    execl(path, path, (char*)NULL);
    _exit(errno);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int memory_of(pid_t pid) {
  char byte = 0;
  struct iovec here = {&byte, 1}, there = {(void*)0x400000, 1};
  return result(process_vm_readv(pid, &here, 1, &there, 1, 0));
}

static int writable_code(void) {
  void* page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return page == MAP_FAILED ? errno : 0;
}

int main(int argc, char** argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (int i = 1; i < argc; ++i) {
    char what[32] = "";
    const char* at = strchr(argv[i], ':');
    const char* word = at ? at + 1 : "";
    snprintf(what, sizeof what, "%.*s", at ? (int)(at - argv[i]) : 31, argv[i]);
    int error = -2;
    if (!strcmp(what, "inet")) error = with_socket(AF_INET, SOCK_STREAM);
    if (!strcmp(what, "inet6")) error = with_socket(AF_INET6, SOCK_DGRAM);
    if (!strcmp(what, "packet")) error = with_socket(AF_PACKET, SOCK_RAW);
    if (!strcmp(what, "vsock")) error = with_socket(AF_VSOCK, SOCK_STREAM);
    if (!strcmp(what, "unix")) error = with_socket(AF_UNIX, SOCK_STREAM);
    if (!strcmp(what, "netlink")) error = with_socket(AF_NETLINK, SOCK_RAW);
    if (!strcmp(what, "exec")) error = executed(word);
    if (!strcmp(what, "read")) error = opened(word, O_RDONLY);
    if (!strcmp(what, "write")) error = opened(word, O_WRONLY | O_CREAT);
    if (!strcmp(what, "memory")) error = memory_of((pid_t)atoi(word));
    if (!strcmp(what, "trace")) error = result(ptrace(PTRACE_ATTACH, atoi(word), NULL, NULL));
    if (!strcmp(what, "namespace")) error = result(unshare(CLONE_NEWUSER));
    if (!strcmp(what, "code")) error = writable_code();
    if (!strcmp(what, "root")) error = geteuid() == 0 ? 0 : result(setuid(0));
    if (!strcmp(what, "stay")) error = result((long)sleep((unsigned)atoi(word)));
    printf("%s %d\n", argv[i], error);
  }
  return 0;
}
