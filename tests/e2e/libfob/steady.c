/* An app that asks libfob for a token all the time, as one with a camera does, and tells of each run of equal answers, in
 * one line once it is over:
 *
 *   STATUS TOKEN FIRST LAST CALLS LONGEST      TOKEN: - where there was none; when the first and the last of these calls
 *                                              began and how long the longest took, in ns of CLOCK_REALTIME
 *
 * At once after the first of a run: `now STATUS TOKEN`. Ends with its stdin. Arguments: SOCKET [MIN_TTL_MS]. */
#include <fob.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

struct run {
  int status;
  char token[FOB_TOKEN_CAPACITY];
  int64_t first, last, longest;
  long calls;
};

static void tell(const struct run *run) {
  if (run->calls == 0) return;
  printf("%d %s %" PRId64 " %" PRId64 " %ld %" PRId64 "\n", run->status, run->token, run->first, run->last, run->calls,
         run->longest);
  fflush(stdout);
}

static void add(struct run *run, int status, const char *token, int64_t began, int64_t took) {
  if (status != run->status || strcmp(token, run->token) != 0) {
    tell(run);
    memset(run, 0, sizeof *run);
    run->status = status;
    strcpy(run->token, token);
    run->first = began;
    printf("now %d %s\n", status, token);
    fflush(stdout);
  }
  run->last = began;
  ++run->calls;
  if (took > run->longest) run->longest = took;
}

int main(int argc, char **argv) {
  static struct run run = {.status = -1};
  static char token[FOB_TOKEN_CAPACITY];
  fob_source *source;
  struct pollfd input = {.fd = 0, .events = POLLIN};
  if (argc < 2 || fob_open(NULL, argv[1], &source) != FOB_OK) return 1;
  while (poll(&input, 1, 1) <= 0) {
    const int64_t began = now_ns();
    const int status = fob_get(source, argc > 2 ? atoll(argv[2]) : FOB_DEFAULT, 5000, token, sizeof token, NULL);
    if (status != FOB_OK && status != run.status) {
      char words[1024];
      fob_last_error(source, words, sizeof words);
      fprintf(stderr, "steady: %s\n", words);
    }
    add(&run, status, status == FOB_OK ? token : "-", began, now_ns() - began);
  }
  tell(&run);
  fob_close(source);
  return 0;
}
