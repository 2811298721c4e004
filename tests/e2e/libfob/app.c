/* An app on libfob in C, driven by its stdin: one line in, one line out. app.cpp, app.py and App.cs answer alike.
 *
 *   get MIN_TTL_MS WAIT_MS     ok TOKEN FINGERPRINT EXPIRES_IN_MS SHOWN      SHOWN: what the language prints of a token
 *   reject                     ok                                            the token that get had last
 *   change | acknowledge       ok NUMBER
 *   wait SINCE TIMEOUT_MS      ok NUMBER                                     TIMEOUT_MS -1: for ever
 *   poll TIMEOUT_MS            ok readable | ok quiet
 *   close                      ok                                            the source; the last token stays
 *   token                      ok TOKEN                                      that token once more
 *
 * A failure is its status and its words. Arguments: [PROFILE [SOCKET]], empty ones for none. */
#include <fob.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

static int fails(fob_source *source, int status) {
  char words[1024];
  if (status == FOB_OK) return 0;
  fob_last_error(source, words, sizeof words);
  printf("%d %s\n", status, words);
  return 1;
}

static void get(fob_source *source, int64_t min_ttl_ms, int64_t wait_ms, fob_token **last) {
  static char copy[FOB_TOKEN_CAPACITY];
  size_t length = 0;
  fob_token *token = NULL;
  if (fails(source, fob_get_token(source, min_ttl_ms, wait_ms, &token))) return;
  fob_token_free(*last);
  *last = token;
  if (fob_token_length(token) != strlen(fob_token_text(token))) {
    printf("%d the length is not that of the text\n", FOB_FAILED);
    return;
  }
  /* The other way to it. */
  if (fails(source, fob_get(source, FOB_DEFAULT, 0, copy, sizeof copy, &length))) return;
  if (strlen(copy) != length) {
    printf("%d the length is not that of the copy\n", FOB_FAILED);
    return;
  }
  printf("ok %s %s %" PRId64 " %s\n", copy, fob_token_fingerprint(token), fob_token_expires_in_ms(token), "fob_token");
}

static void answer(fob_source **source, fob_token **last, const char *line) {
  int64_t a = 0, b = 0;
  uint64_t since = 0, seen = 0;
  if (sscanf(line, "get %" SCNd64 " %" SCNd64, &a, &b) == 2) {
    get(*source, a, b, last);
  } else if (sscanf(line, "wait %" SCNu64 " %" SCNd64, &since, &a) == 2) {
    const int status = fob_wait(*source, since, a, &seen);
    if (status != FOB_TIMED_OUT && fails(*source, status)) return;
    printf("ok %" PRIu64 "\n", seen);
  } else if (sscanf(line, "poll %" SCNd64, &a) == 1) {
    struct pollfd descriptor = {0, POLLIN, 0};
    descriptor.fd = fob_descriptor(*source);
    printf("ok %s\n", poll(&descriptor, 1, (int)a) == 1 ? "readable" : "quiet");
  } else if (strcmp(line, "reject\n") == 0) {
    if (!fails(*source, fob_report_rejected(*source, fob_token_text(*last), fob_token_length(*last)))) puts("ok");
  } else if (strcmp(line, "change\n") == 0) {
    printf("ok %" PRIu64 "\n", fob_change(*source));
  } else if (strcmp(line, "acknowledge\n") == 0) {
    if (!fails(*source, fob_acknowledge(*source, &seen))) printf("ok %" PRIu64 "\n", seen);
  } else if (strcmp(line, "close\n") == 0) {
    fob_close(*source);
    *source = NULL;
    puts("ok");
  } else if (strcmp(line, "token\n") == 0) {
    printf("ok %s\n", fob_token_text(*last));
  } else {
    printf("%d what is that?\n", FOB_USAGE);
  }
}

int main(int argc, char **argv) {
  char line[256];
  fob_source *source = NULL;
  fob_token *last = NULL;
  const int status = fob_open(argc > 1 && *argv[1] ? argv[1] : NULL, argc > 2 && *argv[2] ? argv[2] : NULL, &source);
  if (status != FOB_OK) {
    printf("%d %s\n", status, fob_status_text(status));
    return 1;
  }
  while (fgets(line, sizeof line, stdin)) {
    answer(&source, &last, line);
    fflush(stdout);
  }
  fob_token_free(last);
  fob_close(source);
  return 0;
}
