// A job that does not want to end. It opens $LIFELINE, which every process of it inherits, and prints "ready" when all is in place.
//
//   hard-to-kill HOW
//     leader       one process                          background   a child in its group
//     session      a child in a session of its own      daemon       an orphan in a session of its own
//     deaf         processes that ignore every signal   stopped      processes that are stopped, the first included
//     race         generations that fork and leave, faster than they can be listed, each in a session of its own; until $QUIT exists
//     holder       an orphan that holds stdout          crowd        2,000 processes in many sessions
//     kill-init    kills process 1 in every way         kill-all     kills all that it may, itself excepted, and stays
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void stay(void) {
  for (;;) pause();
}

static void ready(void) {
  puts("ready");
  fflush(stdout);
}

static void quiet(void) {
  int null = open("/dev/null", O_RDWR);
  dup2(null, 1);
  dup2(null, 2);
}

static void background(void) {
  if (fork() == 0) stay();
  ready();
  stay();
}

static void session(void) {
  if (fork() == 0) setsid(), stay();
  ready();
  stay();
}

// Resolves to the orphan once its parent is gone.
static pid_t orphan(void) {
  pid_t pid = fork();
  if (pid != 0) {
    waitpid(pid, NULL, 0);
    return pid;
  }
  setsid();
  if (fork() != 0) _exit(0);
  return 0;
}

static void daemonize(void) {
  if (orphan() == 0) quiet(), stay();
  ready();
  stay();
}

static void deaf(void) {
  for (int number = 1; number < NSIG; number++) signal(number, SIG_IGN);
  if (orphan() == 0) stay();
  if (fork() == 0) stay();
  ready();
  stay();
}

static void stopped(void) {
  if (orphan() == 0) raise(SIGSTOP), stay();
  if (fork() == 0) raise(SIGSTOP), stay();
  ready();
  raise(SIGSTOP);
  stay();
}

static void race(void) {
  const char *quit = getenv("QUIT");
  for (int racer = 0; racer < 2; racer++) {
    if (orphan() != 0) continue;
    for (;;) {
      pid_t pid = fork();
      if (pid > 0 || access(quit, F_OK) == 0) _exit(0);
      // Out of processes is no reason to give up.
      if (pid == 0) setsid();
    }
  }
  ready();
  stay();
}

static void holder(void) {
  if (orphan() == 0) {
    for (int number = 1; number < NSIG; number++) signal(number, SIG_IGN);
    stay();
  }
  ready();
  stay();
}

static void crowd(void) {
  for (int made = 1; made < 2000; made++) {
    pid_t pid = fork();
    if (pid < 0) perror("fork"), exit(4);
    if (pid > 0) continue;
    if (made % 3 == 0) setsid();
    quiet();
    stay();
  }
  ready();
  stay();
}

static void kill_init(void) {
  for (int number = 1; number < NSIG; number++) kill(1, number);
  ready();
  stay();
}

static void kill_all(void) {
  // That nobody reads any more is not to end it.
  signal(SIGPIPE, SIG_IGN);
  if (orphan() == 0) stay();
  kill(-1, SIGKILL);
  ready();
  stay();
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    void (*run)(void);
  } ways[] = {
      {"background", background}, {"session", session}, {"daemon", daemonize}, {"deaf", deaf},           {"stopped", stopped},
      {"race", race},             {"holder", holder},   {"crowd", crowd},      {"kill-init", kill_init}, {"kill-all", kill_all},
  };
  const char *lifeline = getenv("LIFELINE");
  if (lifeline != NULL && open(lifeline, O_WRONLY) < 0) return perror(lifeline), 3;
  for (size_t i = 0; argc == 2 && i < sizeof ways / sizeof *ways; i++) {
    if (strcmp(argv[1], ways[i].name) == 0) ways[i].run();
  }
  ready();
  stay();
}
