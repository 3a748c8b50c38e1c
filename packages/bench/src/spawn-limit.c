// What this machine can do at best: processes started by a bare posix_spawn loop, without pipes, records or a supervisor.
//
//   spawn-limit rate CONCURRENCY MILLISECONDS   starts /bin/true, CONCURRENCY at a time, and prints how many ended per second
//   spawn-limit first-byte COUNT                starts /bin/echo into a pipe, one after another, and prints the nanoseconds until its first byte, one a line
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static char *const environment[] = {"PATH=/usr/local/bin:/usr/bin:/bin", NULL};

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void die(const char *what, int error) {
  fprintf(stderr, "spawn-limit: %s: %s\n", what, strerror(error));
  exit(1);
}

static void start(char *const argv[], const posix_spawn_file_actions_t *actions) {
  pid_t pid;
  int error = posix_spawn(&pid, argv[0], actions, NULL, argv, environment);
  if (error != 0) die(argv[0], error);
}

static void reap(void) {
  int status;
  pid_t pid;
  do pid = waitpid(-1, &status, 0);
  while (pid < 0 && errno == EINTR);
  if (pid < 0) die("waitpid", errno);
  if (status != 0) die("a child did not exit with 0", 0);
}

static void rate(int concurrency, int64_t milliseconds) {
  char *const argv[] = {"/bin/true", NULL};
  int64_t begin = now_ns(), end = begin + milliseconds * 1000000;
  long ended = 0;
  for (int i = 0; i < concurrency; i++) start(argv, NULL);
  int running = concurrency;
  while (running > 0) {
    reap();
    ended++;
    if (now_ns() < end) start(argv, NULL);
    else running--;
  }
  printf("%.3f\n", (double)ended * 1e9 / (double)(now_ns() - begin));
}

static void first_byte(long count) {
  char *const argv[] = {"/bin/echo", "x", NULL};
  for (long i = 0; i < count; i++) {
    int64_t begin = now_ns();
    int fds[2];
    char byte;
    if (pipe2(fds, O_CLOEXEC) != 0) die("pipe2", errno);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
    start(argv, &actions);
    posix_spawn_file_actions_destroy(&actions);
    close(fds[1]);
    if (read(fds[0], &byte, 1) != 1) die("read", errno);
    printf("%lld\n", (long long)(now_ns() - begin));
    close(fds[0]);
    reap();
  }
}

int main(int argc, char **argv) {
  if (argc == 4 && strcmp(argv[1], "rate") == 0 && atoi(argv[2]) > 0) rate(atoi(argv[2]), atoll(argv[3]));
  else if (argc == 3 && strcmp(argv[1], "first-byte") == 0) first_byte(atol(argv[2]));
  else {
    fprintf(stderr, "usage: spawn-limit rate CONCURRENCY MILLISECONDS | first-byte COUNT\n");
    return 2;
  }
  return 0;
}
