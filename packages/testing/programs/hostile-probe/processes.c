// Other processes: seeing, signalling, tracing them, and what the job inherited.
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "subjects.h"

extern char **environ;

static void foreign_in_proc(const char *subject, struct outcome *out) {
  (void)subject;
  DIR *directory = opendir("/proc");
  if (directory == NULL) return say(out, REFUSED, "%s", strerrorname_np(errno));
  int seen = 0, last = 0;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    int pid = atoi(entry->d_name);
    // The sandbox's own init, and the session that the job's program leads, are the job.
    if (pid <= 1 || getsid(pid) == getsid(0)) continue;
    seen++;
    last = pid;
  }
  if (seen > 0) say(out, HARM, "%d processes of others, such as %d", seen, last);
  else say(out, HARMLESS, "only its own");
}

static void read_proc(pid_t pid, const char *name, struct outcome *out) {
  char path[64], text[4096];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  if (read_some(path, text, sizeof text)) say(out, HARM, "read %s", path);
  else say(out, REFUSED, "%s", strerrorname_np(errno));
}

static void open_proc(pid_t pid, const char *name, int flags, struct outcome *out) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
  judge(out, open(path, flags | O_CLOEXEC));
}

static void follow_fds(pid_t pid, struct outcome *out) {
  char path[64], target[128];
  int numbers = 0;
  snprintf(path, sizeof path, "/proc/%d/fd", pid);
  DIR *directory = opendir(path);
  if (directory == NULL) return say(out, REFUSED, "%s", strerrorname_np(errno));
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    if (!isdigit(entry->d_name[0])) continue;
    numbers++;
    // Neither what it is nor a descriptor of its own.
    if (readlinkat(dirfd(directory), entry->d_name, target, sizeof target) >= 0) return say(out, HARM, "%s/%s is named", path, entry->d_name);
    if (openat(dirfd(directory), entry->d_name, O_PATH) >= 0) return say(out, HARM, "%s/%s was opened", path, entry->d_name);
  }
  say(out, HARMLESS, "%d numbers, and nothing behind them", numbers);
}

static void signal_it(pid_t pid, struct outcome *out) { judge(out, kill(pid, 0)); }

// Enough to be let in: the address is nobody's, so that nothing is read.
static void read_memory(pid_t pid, struct outcome *out) {
  char byte;
  struct iovec here = {&byte, 1}, there = {(void *)8, 1};
  judge_permission(out, process_vm_readv(pid, &here, 1, &there, 1, 0));
}

static void trace(pid_t pid, struct outcome *out) { judge(out, ptrace(PTRACE_SEIZE, pid, 0, 0)); }

static void take_fd(pid_t pid, struct outcome *out) {
  int fd = (int)syscall(SYS_pidfd_open, pid, 0);
  if (fd < 0) return say(out, REFUSED, "pidfd_open: %s", strerrorname_np(errno));
  judge(out, syscall(SYS_pidfd_getfd, fd, 1, 0));
}

static void read_limits(pid_t pid, struct outcome *out) {
  struct rlimit limit;
  judge(out, prlimit(pid, RLIMIT_NOFILE, NULL, &limit));
}

static void change_priority(pid_t pid, struct outcome *out) {
  errno = 0;
  int now = getpriority(PRIO_PROCESS, (id_t)pid);
  if (errno != 0) return say(out, REFUSED, "%s", strerrorname_np(errno));
  judge(out, setpriority(PRIO_PROCESS, (id_t)pid, now));
}

#define AT(name, pid, call)                                         \
  static void name(const char *subject, struct outcome *out) { \
    (void)subject;                                                  \
    if ((pid) == 0) return say(out, REFUSED, "not named");          \
    call;                                                           \
  }
AT(server_environ, told.server, read_proc(told.server, "environ", out))
AT(server_cmdline, told.server, read_proc(told.server, "cmdline", out))
AT(server_maps, told.server, read_proc(told.server, "maps", out))
AT(server_mem, told.server, open_proc(told.server, "mem", O_RDWR, out))
AT(server_fds, told.server, follow_fds(told.server, out))
AT(server_signal, told.server, signal_it(told.server, out))
AT(server_memory, told.server, read_memory(told.server, out))
AT(server_trace, told.server, trace(told.server, out))
AT(server_take_fd, told.server, take_fd(told.server, out))
AT(server_limits, told.server, read_limits(told.server, out))
AT(server_priority, told.server, change_priority(told.server, out))
AT(server_oom, told.server, open_proc(told.server, "oom_score_adj", O_WRONLY, out))
AT(shim_environ, told.shim, read_proc(told.shim, "environ", out))
AT(shim_signal, told.shim, signal_it(told.shim, out))
AT(shim_memory, told.shim, read_memory(told.shim, out))
AT(shim_trace, told.shim, trace(told.shim, out))
AT(shim_fds, told.shim, follow_fds(told.shim, out))
AT(foreign_environ, told.foreign, read_proc(told.foreign, "environ", out))
AT(foreign_signal, told.foreign, signal_it(told.foreign, out))
AT(foreign_trace, told.foreign, trace(told.foreign, out))
AT(foreign_root, told.foreign, open_proc(told.foreign, "root/etc", O_RDONLY | O_DIRECTORY, out))
// The sandbox's init is a copy of the launcher, memory and all.
AT(init_environ, 1, read_proc(1, "environ", out))
AT(init_mem, 1, open_proc(1, "mem", O_RDWR, out))
AT(init_fds, 1, follow_fds(1, out))
AT(init_memory, 1, read_memory(1, out))
AT(init_take_fd, 1, take_fd(1, out))

static void init_signal(const char *subject, struct outcome *out) {
  (void)subject;
  char name[32] = "";
  read_some("/proc/1/comm", name, sizeof name);
  if (kill(1, 0) != 0) say(out, REFUSED, "%s", strerrorname_np(errno));
  // A sandbox's init is the job's: its end is the end of the job and of nobody else.
  else if (strncmp(name, "worker-init", 11) == 0) say(out, HARMLESS, "its own init");
  else say(out, HARM, "signalled %s", name);
}

static void init_trace(const char *subject, struct outcome *out) {
  (void)subject;
  trace(1, out);
}

static void signal_all(const char *subject, struct outcome *out) {
  (void)subject;
  if (kill(-1, 0) != 0) return say(out, REFUSED, "%s", strerrorname_np(errno));
  foreign_in_proc(NULL, out);
}

static void guess_pids(const char *subject, struct outcome *out) {
  (void)subject;
  // By number, not by /proc: a hidden process is signalled as well as a listed one.
  int seen = 0, last = 0;
  for (int pid = 2; pid < 40000; pid++) {
    if (kill(pid, 0) == 0 && getsid(pid) != getsid(0)) seen++, last = pid;
  }
  if (seen > 0) say(out, HARM, "%d can be signalled, such as %d", seen, last);
  else say(out, REFUSED, "none but its own");
}

static void other_fds(const char *subject, struct outcome *out) {
  (void)subject;
  // The probe's own, one for the outcome, is the highest of those that are in use before the directory is opened.
  int seen = 0;
  for (int fd = 3; fd < 1024; fd++) seen += fcntl(fd, F_GETFD) >= 0;
  if (seen > 1) say(out, HARM, "%d descriptors beside its own", seen - 1);
  else say(out, HARMLESS, "0, 1 and 2");
}

static void server_environment(const char *subject, struct outcome *out) {
  (void)subject;
  for (char **variable = environ; *variable != NULL; variable++) {
    if (strncmp(*variable, "SERVER_SECRET", 13) == 0) return say(out, HARM, "inherited SERVER_SECRET");
  }
  say(out, HARMLESS, "only the job's");
}

static void trace_own_child(const char *subject, struct outcome *out) {
  (void)subject;
  pid_t pid = fork();
  if (pid == 0) _exit(ptrace(PTRACE_TRACEME, 0, 0, 0) == 0 ? 0 : errno);
  int status;
  waitpid(pid, &status, 0);
  say(out, status == 0 ? HARMLESS : REFUSED, "%s", status == 0 ? "its own child" : strerrorname_np(WEXITSTATUS(status)));
}

static void compare(const char *subject, struct outcome *out) {
  (void)subject;
  judge_permission(out, syscall(SYS_kcmp, getpid(), told.server, KCMP_FILES, 0, 0));
}

void attach_shm(const char *subject, struct outcome *out) { judge(out, shmget(atoi(subject), 0, 0)); }

const struct attempt process_attempts[] = {
    {"process-foreign-in-proc", foreign_in_proc},
    {"process-guess-pids", guess_pids},
    {"process-signal-all", signal_all},
    {"process-server-environ", server_environ},
    {"process-server-cmdline", server_cmdline},
    {"process-server-maps", server_maps},
    {"process-server-mem", server_mem},
    {"process-server-fds", server_fds},
    {"process-server-signal", server_signal},
    {"process-server-memory", server_memory},
    {"process-server-trace", server_trace},
    {"process-server-take-fd", server_take_fd},
    {"process-server-limits", server_limits},
    {"process-server-priority", server_priority},
    {"process-server-oom-score", server_oom},
    {"process-server-compare", compare},
    {"process-shim-environ", shim_environ},
    {"process-shim-signal", shim_signal},
    {"process-shim-memory", shim_memory},
    {"process-shim-trace", shim_trace},
    {"process-shim-fds", shim_fds},
    {"process-other-job-environ", foreign_environ},
    {"process-other-job-signal", foreign_signal},
    {"process-other-job-trace", foreign_trace},
    {"process-other-job-root", foreign_root},
    {"process-init-environ", init_environ},
    {"process-init-mem", init_mem},
    {"process-init-fds", init_fds},
    {"process-init-memory", init_memory},
    {"process-init-take-fd", init_take_fd},
    {"process-init-signal", init_signal},
    {"process-init-trace", init_trace},
    {"process-other-descriptors", other_fds},
    {"process-server-environment", server_environment},
    {"process-trace-own-child", trace_own_child},
    {NULL, NULL},
};
