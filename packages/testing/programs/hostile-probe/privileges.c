// Becoming somebody else.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "subjects.h"

// What the program writes first, and how it ended.
static bool output_of(char *const argv[], char *into, size_t size) {
  int ends[2];
  if (pipe(ends) != 0) return false;
  pid_t pid = fork();
  if (pid == 0) {
    dup2(ends[1], 1);
    dup2(ends[1], 2);
    execvp(argv[0], argv);
    _exit(127);
  }
  close(ends[1]);
  size_t length = 0;
  for (ssize_t got; length + 1 < size && (got = read(ends[0], into + length, size - 1 - length)) > 0;) length += (size_t)got;
  into[length] = 0;
  int status;
  waitpid(pid, &status, 0);
  return status == 0;
}

void run_setuid(const char *subject, struct outcome *out) {
  char text[100] = "", *argv[] = {(char *)subject, "-u", NULL};
  bool ran = output_of(argv, text, sizeof text);
  text[strcspn(text, "\n")] = 0;
  say(out, ran && strcmp(text, "0") == 0 ? HARM : REFUSED, "is %s", text);
}

void run_filecap(const char *subject, struct outcome *out) {
  char text[100] = "", *argv[] = {(char *)subject, "show-capabilities", NULL};
  bool ran = output_of(argv, text, sizeof text);
  text[strcspn(text, "\n")] = 0;
  say(out, ran && strtoull(text, NULL, 16) != 0 ? HARM : REFUSED, "has %s", text);
}

static unsigned long long status_field(const char *name) {
  char text[8192] = "";
  read_some("/proc/self/status", text, sizeof text);
  char *at = strstr(text, name);
  return at == NULL ? ~0ull : strtoull(at + strlen(name) + 1, NULL, 16);
}

int show_capabilities(void) {
  printf("%llx\n", status_field("CapEff") | status_field("CapPrm"));
  return 0;
}

static void capability_sets(const char *subject, struct outcome *out) {
  (void)subject;
  unsigned long long held = status_field("CapEff") | status_field("CapPrm") | status_field("CapInh") | status_field("CapAmb");
  if (held != 0) say(out, HARM, "holds %llx", held);
  else say(out, HARMLESS, "none; bounding set %llx", status_field("CapBnd"));
}

static void no_new_privileges(const char *subject, struct outcome *out) {
  (void)subject;
  prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0);
  if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) say(out, REFUSED, "stays on");
  else say(out, HARM, "is off");
}

static void seccomp_off(const char *subject, struct outcome *out) {
  (void)subject;
  int mode = prctl(PR_GET_SECCOMP, 0, 0, 0, 0);
  if (mode == 2) say(out, REFUSED, "filtered");
  else say(out, HARM, "mode %d", mode);
}

static void su(const char *subject, struct outcome *out) {
  (void)subject;
  char text[200] = "", *argv[] = {"su", "-c", "id -u", "root", NULL};
  bool ran = output_of(argv, text, sizeof text);
  text[strcspn(text, "\n")] = 0;
  say(out, ran && strcmp(text, "0") == 0 ? HARM : REFUSED, "%s", text);
}

static void sudo(const char *subject, struct outcome *out) {
  (void)subject;
  char text[200] = "", *argv[] = {"sudo", "-n", "id", "-u", NULL};
  bool ran = output_of(argv, text, sizeof text);
  text[strcspn(text, "\n")] = 0;
  say(out, ran && strcmp(text, "0") == 0 ? HARM : REFUSED, "%s", text);
}

// It fails in any case, with another status where it could read the passwords.
static void passwd(const char *subject, struct outcome *out) {
  (void)subject;
  char text[200] = "", *argv[] = {"passwd", "-S", "root", NULL};
  bool ran = output_of(argv, text, sizeof text);
  text[strcspn(text, "\n")] = 0;
  say(out, ran && strncmp(text, "root ", 5) == 0 ? HARM : REFUSED, "%s", text);
}

static void own_setuid(const char *subject, struct outcome *out) {
  (void)subject;
  const char *directory = own_directory();
  char path[128], text[100] = "", *argv[] = {path, "-u", NULL}, copy[200];
  snprintf(path, sizeof path, "%s/id", directory);
  snprintf(copy, sizeof copy, "cp /usr/bin/id %s", path);
  if (system(copy) != 0) return say(out, REFUSED, "cannot copy");
  if (chown(path, 0, 0) != 0 || chmod(path, 04755) != 0) {
    say(out, REFUSED, "%s", strerrorname_np(errno));
  } else {
    bool ran = output_of(argv, text, sizeof text);
    say(out, ran && atoi(text) == 0 ? HARM : REFUSED, "%s", text);
  }
  unlink(path);
  rmdir(directory);
}

static void chown_file(const char *subject, struct outcome *out) {
  (void)subject;
  const char *directory = own_directory();
  judge(out, chown(directory, 12345, 12345));
  rmdir(directory);
}

#define BECOMES(name, call)                                         \
  static void name(const char *subject, struct outcome *out) { \
    (void)subject;                                                  \
    judge(out, call);                                               \
  }
BECOMES(become_root, setresuid(0, 0, 0))
BECOMES(become_root_group, setresgid(0, 0, 0))
BECOMES(become_other, setresuid(65534, 65534, 65534))
BECOMES(more_groups, syscall(SYS_setgroups, 1, (gid_t[]){0}))
BECOMES(no_groups, syscall(SYS_setgroups, 0, NULL))
BECOMES(ambient, prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0))
BECOMES(securebits, prctl(PR_SET_SECUREBITS, SECBIT_KEEP_CAPS, 0, 0, 0))

static void filesystem_root(const char *subject, struct outcome *out) {
  (void)subject;
  // It answers the one before, whether it changed it or not.
  syscall(SYS_setfsuid, 0);
  long now = syscall(SYS_setfsuid, -1);
  say(out, now == 0 ? HARM : REFUSED, "is %ld", now);
}

static void raise_capabilities(const char *subject, struct outcome *out) {
  (void)subject;
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {{1u << CAP_SYS_ADMIN, 1u << CAP_SYS_ADMIN, 0}, {0, 0, 0}};
  judge(out, syscall(SYS_capset, &header, data));
}

static void raise_limit(const char *subject, struct outcome *out) {
  (void)subject;
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max == RLIM_INFINITY) return say(out, HARM, "has none");
  limit.rlim_max += 1;
  judge(out, setrlimit(RLIMIT_NOFILE, &limit));
}

static void raise_core_limit(const char *subject, struct outcome *out) {
  (void)subject;
  struct rlimit limit = {1 << 20, 1 << 20};
  judge(out, setrlimit(RLIMIT_CORE, &limit));
}

static void lower_oom_score(const char *subject, struct outcome *out) {
  (void)subject;
  char lower[16];
  int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return say(out, REFUSED, "%s", strerrorname_np(errno));
  int length = snprintf(lower, sizeof lower, "%d", told.server_oom_score - 1);
  judge(out, write(fd, lower, (size_t)length));
}

static void higher_priority(const char *subject, struct outcome *out) {
  (void)subject;
  judge(out, setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) - 1));
}

const struct attempt privilege_attempts[] = {
    {"privilege-capability-sets", capability_sets},
    {"privilege-no-new-privileges-off", no_new_privileges},
    {"privilege-unfiltered", seccomp_off},
    {"privilege-su", su},
    {"privilege-sudo", sudo},
    {"privilege-passwd", passwd},
    {"privilege-own-setuid", own_setuid},
    {"privilege-chown", chown_file},
    {"privilege-setuid-0", become_root},
    {"privilege-setgid-0", become_root_group},
    {"privilege-setuid-nobody", become_other},
    {"privilege-setgroups-root", more_groups},
    {"privilege-setgroups-none", no_groups},
    {"privilege-setfsuid-0", filesystem_root},
    {"privilege-capset", raise_capabilities},
    {"privilege-ambient-capability", ambient},
    {"privilege-securebits", securebits},
    {"privilege-raise-open-files", raise_limit},
    {"privilege-raise-core", raise_core_limit},
    {"privilege-lower-oom-score", lower_oom_score},
    {"privilege-higher-priority", higher_priority},
    {NULL, NULL},
};
