// A hostile program: it tries to read, reach, change and become what a job must not, and prints one line for each attempt:
//
//   name<TAB>refused|harmless|HARM<TAB>what happened
//
// HARM means that the attempt got through. Nothing is done with what it got: run without any isolation, as root, it leaves the host as it was.
//
//   hostile-probe KIND[:NAME]=VALUE...
//     marker=TEXT            in every file of the test, in the name of every canary, in the server's environment
//     read:NAME=PATH         a file of the host that may not be read        list:NAME=PATH     a directory that may not be listed
//     canary:NAME=PATH       the same as read, also tried by way of symlinks, "..", and /proc
//     unix:NAME=PATH         a socket of the host                           abstract:NAME=NAME an abstract one
//     tcp:NAME=ADDR,PORT     somebody who listens                           udp:NAME=ADDR,PORT somebody who receives
//     setuid:NAME=PATH       a setuid root copy of id                       filecap:NAME=PATH  a copy of this with all file capabilities
//     shm=KEY                a System V segment of the host                 ns:NAME=INODE      a namespace of the host
//     server=PID shim=PID foreign=PID oom=SCORE of the server               writable=DIR readable=DIR  what is bound
//   hostile-probe plant-shm KEY | plant-filecap PATH | show-capabilities
#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "subjects.h"

struct told told;

// An attempt that takes longer hangs, which is no success.
enum { DEADLINE_SECONDS = 10 };

void say(struct outcome *out, enum verdict verdict, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  out->verdict = verdict;
  vsnprintf(out->detail, sizeof out->detail, format, arguments);
  va_end(arguments);
}

void judge(struct outcome *out, long result) {
  if (result >= 0) say(out, HARM, "succeeded with %ld", result);
  else say(out, REFUSED, "%s", strerrorname_np(errno));
}

void judge_permission(struct outcome *out, long result) {
  bool refused = result < 0 && (errno == EPERM || errno == EACCES || errno == ENOSYS || errno == ESRCH);
  if (result >= 0) say(out, HARM, "succeeded with %ld", result);
  else say(out, refused ? REFUSED : HARM, "%s", strerrorname_np(errno));
}

const char *own_directory(void) {
  static char path[] = "/tmp/hostile-probe-XXXXXX";
  if (mkdtemp(path) == NULL) exit(3);
  return path;
}

static const char *word(enum verdict verdict) { return verdict == HARM ? "HARM" : verdict == HARMLESS ? "harmless" : "refused"; }

static void try_it(const char *name, attempt_fn *run, const char *subject) {
  int ends[2];
  struct outcome out = {REFUSED, ""};
  if (pipe(ends) != 0) exit(2);
  pid_t pid = fork();
  if (pid < 0) exit(2);
  if (pid == 0) {
    close(ends[0]);
    // Out of this process group: what signals a group does not end the probe.
    setpgid(0, 0);
    alarm(DEADLINE_SECONDS);
    run(subject, &out);
    ssize_t written = write(ends[1], &out, sizeof out);
    _exit(written == sizeof out ? 0 : 2);
  }
  close(ends[1]);
  // Not until the end of the file: what the attempt left behind may hold the pipe.
  struct pollfd readable = {ends[0], POLLIN, 0};
  poll(&readable, 1, (DEADLINE_SECONDS + 1) * 1000);
  bool told_us = read(ends[0], &out, sizeof out) == sizeof out;
  close(ends[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  if (!told_us && WIFSIGNALED(status)) say(&out, REFUSED, "killed by %s", sigabbrev_np(WTERMSIG(status)));
  else if (!told_us) say(&out, REFUSED, "ended with %d", WEXITSTATUS(status));
  printf("%s\t%s\t%s\n", name, word(out.verdict), out.detail);
  fflush(stdout);
}

static void try_all(const struct attempt *attempts) {
  for (; attempts->name != NULL; attempts++) try_it(attempts->name, attempts->run, NULL);
}

static const struct {
  const char *kind;
  attempt_fn *run;
} by_kind[] = {
    {"read", read_file},     {"canary", read_file},   {"list", list_directory}, {"unix", connect_path},     {"abstract", connect_abstract},
    {"tcp", connect_tcp},    {"udp", send_udp},       {"setuid", run_setuid},   {"filecap", run_filecap},   {"shm", attach_shm},
    {"ns", share_namespace},
};

static void hear(const char *kind, char *value) {
  if (strcmp(kind, "marker") == 0) told.marker = value;
  else if (strcmp(kind, "writable") == 0) told.writable_bind = value;
  else if (strcmp(kind, "readable") == 0) told.readable_bind = value;
  else if (strcmp(kind, "server") == 0) told.server = atoi(value);
  else if (strcmp(kind, "shim") == 0) told.shim = atoi(value);
  else if (strcmp(kind, "oom") == 0) told.server_oom_score = atoi(value);
  else if (strcmp(kind, "foreign") == 0) told.foreign = atoi(value);
  else if (strcmp(kind, "canary") == 0 && told.canary_count < 64) told.canaries[told.canary_count++] = value;
}

static int plant_file_capabilities(const char *path) {
  struct vfs_cap_data all = {.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE, .data = {{~0u, 0}, {0x1ff, 0}}};
  return setxattr(path, "security.capability", &all, sizeof all, 0) == 0 ? 0 : 1;
}

int main(int argc, char **argv) {
  if (argc == 3 && strcmp(argv[1], "plant-shm") == 0) return shmget(atoi(argv[2]), 4096, IPC_CREAT | 0666) < 0;
  if (argc == 3 && strcmp(argv[1], "plant-filecap") == 0) return plant_file_capabilities(argv[2]);
  if (argc == 2 && strcmp(argv[1], "show-capabilities") == 0) return show_capabilities();
  signal(SIGPIPE, SIG_IGN);
  for (int i = 1; i < argc; i++) {
    char kind[32] = "";
    char *value = strchr(argv[i], '=');
    if (value == NULL || sscanf(argv[i], "%31[^:=]", kind) != 1) return 64;
    hear(kind, value + 1);
  }
  try_all(file_attempts);
  try_all(process_attempts);
  try_all(network_attempts);
  try_all(privilege_attempts);
  try_all(mount_attempts);
  try_all(kernel_attempts);
  for (int i = 1; i < argc; i++) {
    char kind[32], name[100];
    char *value = strchr(argv[i], '=');
    snprintf(name, sizeof name, "%.*s", (int)(value - argv[i]), argv[i]);
    sscanf(argv[i], "%31[^:=]", kind);
    for (size_t k = 0; k < sizeof by_kind / sizeof *by_kind; k++) {
      if (strcmp(kind, by_kind[k].kind) == 0) try_it(name, by_kind[k].run, value + 1);
    }
  }
  return 0;
}
