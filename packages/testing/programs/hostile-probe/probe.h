// What every file of the probe shares: what an attempt is, how it says what came of it, and what the test told about the host.
#ifndef PROBE_H
#define PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum verdict { REFUSED, HARMLESS, HARM };

struct outcome {
  enum verdict verdict;
  char detail[200];
};

// One thing to try, in a process of its own: it may crash, hang or be killed. `subject` is what the test named for it, or NULL.
typedef void attempt_fn(const char *subject, struct outcome *out);

struct attempt {
  const char *name;
  attempt_fn *run;
};

// The attempts of each file end with a NULL name.
extern const struct attempt file_attempts[], process_attempts[], network_attempts[], privilege_attempts[], mount_attempts[], kernel_attempts[];

// What the test told: NULL where it told nothing.
struct told {
  // A random text in the content of every file, in the server's environment, and in the name of every canary.
  const char *marker;
  // A directory that is bound and may be written, and one that may not.
  const char *writable_bind, *readable_bind;
  // Canaries by their path on the host.
  const char *canaries[64];
  size_t canary_count;
  // Process ids of the host.
  pid_t server, shim, foreign;
  // The server's oom_score_adj. A job is offered to the kernel before the server is; where the server may not fix that, the job can take itself back to where the server is, and never below.
  int server_oom_score;
};
extern struct told told;

void say(struct outcome *out, enum verdict verdict, const char *format, ...) __attribute__((format(printf, 3, 4)));

// For a call whose success is the harm.
void judge(struct outcome *out, long result);

// For a call that is made so that it fails in any case, not to do what it could: the harm is a failure for another reason than being refused.
void judge_permission(struct outcome *out, long result);

// A new directory of the job's own. Exits when there is nowhere to make one.
const char *own_directory(void);

bool read_some(const char *path, char *into, size_t size);

#endif
