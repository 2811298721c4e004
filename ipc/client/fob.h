/* libfob: the access token of this device's fob daemon, for apps. The C interface; fob.hpp is C++ over it.
 *
 *   fob_source *source;
 *   char token[FOB_TOKEN_CAPACITY];
 *   if (fob_open(NULL, NULL, &source) != FOB_OK) …
 *   if (fob_get(source, FOB_DEFAULT, 5000, token, sizeof token, NULL) == FOB_OK) … "Authorization: Bearer " token
 *   fob_close(source);
 *
 * Ask for each use, do not keep the token: mostly that reads shared memory, without a system call. A token that
 * has expired is never returned, also not after a night of suspend. It is a secret of its own: not for logs.
 *
 * Threads: every function may be called from any thread at any time, but fob_close(), which must be the last
 * call with its source. Forking: a child may go on with its parent's source; it gets connections of its own.
 * libfob has no threads, no signals and no global state, and connects again by itself when fobd was restarted.
 * It needs Linux and libc, nothing else.
 *
 * Compatible within FOB_ABI: what is here keeps its meaning, and things may be added. */
#ifndef FOB_H
#define FOB_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FOB_ABI 0

#if defined(__GNUC__)
#define FOB_API __attribute__((visibility("default")))
#else
#define FOB_API
#endif

/* What functions return. Those below 100 are fob's exit statuses (fob(1)); fob_last_error() has the words. */
enum {
  FOB_OK = 0,
  FOB_FAILED = 1,              /* something is broken; the words say what */
  FOB_USAGE = 2,               /* an argument that cannot be */
  FOB_NOT_RUNNING = 3,         /* no daemon answers */
  FOB_NOT_GRANTED = 4,         /* this process may not have that profile: `fob explain --pid N` says why */
  FOB_NO_TOKEN = 5,            /* there is no valid token now; the words say whether to ask again or to ask an operator */
  FOB_CREDENTIAL_REJECTED = 6, /* the authority refuses the device's credential; an operator must act */
  FOB_CONFIG = 7,              /* the daemon knows no such profile */
  FOB_STORE = 8,               /* not returned by this version; see FOB_NO_TOKEN */
  FOB_TIMED_OUT = 100,         /* of fob_wait(): nothing has changed */
  FOB_TOO_SMALL = 101          /* the token does not fit the buffer */
};

/* As min_ttl_ms: what the daemon takes by itself, 10 s or 15 % of the token's life, whichever is less. */
#define FOB_DEFAULT (-1)
/* No token is longer, its final zero included. */
#define FOB_TOKEN_CAPACITY 16385

/* Where tokens of one profile come from. */
typedef struct fob_source fob_source;
/* One token, as it was when it was asked for. Never changes. */
typedef struct fob_token fob_token;

/* Makes *source, to be freed with fob_close(). It need not reach a daemon to succeed.
 * profile: a profile's name; NULL for $FOB_PROFILE, else (and where that is empty) the daemon's default one.
 * socket: the path of the daemon's app socket; NULL for the first of: $FOB_SOCKET, $FOB_RUNTIME_DIR/fob.sock, the
 *   user's own daemon where there is one ($XDG_RUNTIME_DIR/fob/fob.sock, without that variable
 *   ~/.cache/fob/run/fob.sock; root has none), the system's (/run/fob/fob.sock).
 * Fails with FOB_USAGE (a name or path that cannot be; there is no source to ask for the words then) or
 * FOB_FAILED (no memory). *source is NULL then. */
FOB_API int fob_open(const char *profile, const char *socket, fob_source **source);
/* Frees it and all it holds. NULL is nothing to do. */
FOB_API void fob_close(fob_source *source);

/* Copies a token that is alive, with a final zero, to buffer.
 * min_ttl_ms: how long it must live at least, or FOB_DEFAULT; where less is left a new one is fetched first. If that
 *   is not to be had in time, the one that still lives is returned all the same.
 * wait_ms: how long to wait, 0 to 60000, while there is no token or no daemon yet. 5000 is a good choice.
 * length: if not NULL, receives the token's length without the zero; of FOB_TOO_SMALL, what it would have been.
 * Any other failure leaves buffer with an empty string.
 * While a restarted daemon is being found again, this is the token that the one before left, as long as it lives.
 * Takes some tens of nanoseconds and no system call where the token page is in use and its token lives long enough,
 * some tens of microseconds where the daemon is asked, and wait_ms and a little more (10 s) at most. */
FOB_API int fob_get(fob_source *source, int64_t min_ttl_ms, int64_t wait_ms, char *buffer, size_t capacity,
                    size_t *length);

/* The same as an object that tells more, to be freed with fob_token_free(), before or after its source. *token is
 * NULL on failure. */
FOB_API int fob_get_token(fob_source *source, int64_t min_ttl_ms, int64_t wait_ms, fob_token **token);
/* The token, with a final zero; valid until it is freed. */
FOB_API const char *fob_token_text(const fob_token *token);
FOB_API size_t fob_token_length(const fob_token *token);
/* Its only form for logs: the first 8 hex digits of its SHA-256. */
FOB_API const char *fob_token_fingerprint(const fob_token *token);
/* How long it lives from now, in milliseconds, by CLOCK_BOOTTIME, rather less than more; 0 once that is over. */
FOB_API int64_t fob_token_expires_in_ms(const fob_token *token);
/* Wipes and frees it. NULL is nothing to do. */
FOB_API void fob_token_free(fob_token *token);

/* Reports that an API answered 401 to this token (its text; length without a final zero). FOB_OK: another one is in
 * force now, which fob_get() returns. FOB_NO_TOKEN: there is none in its place yet, or it has just replaced one
 * that was reported: the API refuses it for another reason. Blocks for 10 s mostly, 50 s at most. */
FOB_API int fob_report_rejected(fob_source *source, const char *token, size_t length);

/* A number that changes whenever what fob_get() would return may have changed: a new token, none any more, a grant
 * that came or went, a daemon that was reached for the first time or again. Never 0. A daemon that gives no token
 * page (too many readers) tells of nothing: there, ask again from time to time. */
FOB_API uint64_t fob_change(fob_source *source);
/* Waits until fob_change() is not `since` any more. timeout_ms: 0 to look only, -1 for ever. seen: if not NULL,
 * receives what it is now. FOB_OK or FOB_TIMED_OUT. */
FOB_API int fob_wait(fob_source *source, uint64_t since, int64_t timeout_ms, uint64_t *seen);

/* For event loops (poll, epoll, select): a descriptor that is readable once fob_change() may have changed, until
 * fob_acknowledge(). The same for the life of the source in this process; it belongs to the source, so neither
 * read nor close it. -1 where there is none (too many open files). */
FOB_API int fob_descriptor(fob_source *source);
/* To be called when that is readable: it is quiet again until the next change. Never blocks. FOB_OK, and if seen is
 * not NULL it receives fob_change(). */
FOB_API int fob_acknowledge(fob_source *source, uint64_t *seen);

/* Copies what went wrong last with this source, in any thread: a sentence or two for a person, without a token,
 * and what to do. At most capacity bytes with the final zero. Returns the length of the whole text. */
FOB_API size_t fob_last_error(fob_source *source, char *buffer, size_t capacity);
/* What a status means, in a few words. Never NULL. */
FOB_API const char *fob_status_text(int status);
/* "MAJOR.MINOR.PATCH" of the library. */
FOB_API const char *fob_version(void);

#ifdef __cplusplus
}
#endif

#endif
