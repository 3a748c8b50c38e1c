// Mounts, namespaces and cgroups.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "subjects.h"

// sys/mount.h and linux/mount.h do not go together.
int mount(const char *, const char *, const char *, unsigned long, const void *);
int umount2(const char *, int);

static void mount_it(const char *kind, unsigned long flags, const char *options, struct outcome *out) {
  const char *directory = own_directory();
  int result = mount(kind, directory, kind, flags, options);
  judge(out, result);
  if (result == 0) umount2(directory, 2);
  rmdir(directory);
}

#define TRIES(name, call)                                           \
  static void name(const char *subject, struct outcome *out) { \
    (void)subject;                                                  \
    call;                                                           \
  }
TRIES(mount_tmpfs, mount_it("tmpfs", 0, "size=4k", out))
TRIES(mount_proc, mount_it("proc", 0, NULL, out))
TRIES(mount_sysfs, mount_it("sysfs", 0, NULL, out))
TRIES(mount_cgroup2, mount_it("cgroup2", 0, NULL, out))
TRIES(mount_cgroup1, mount_it("cgroup", 0, "none,name=systemd", out))
TRIES(mount_devpts, mount_it("devpts", 0, "newinstance", out))
TRIES(mount_bind, mount_it("/usr", 4096, NULL, out))
TRIES(root_move, judge_permission(out, syscall(SYS_pivot_root, ".", ".")))
TRIES(root_change, judge(out, chroot("/")))
TRIES(tree_copy, judge(out, syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE)))
TRIES(tree_move, judge_permission(out, syscall(SYS_move_mount, -1, "", -1, "", MOVE_MOUNT_F_EMPTY_PATH)))
TRIES(open_file_system, judge(out, syscall(SYS_fsopen, "tmpfs", 0)))
TRIES(pick_file_system, judge_permission(out, syscall(SYS_fspick, AT_FDCWD, "/tmp", 0)))
TRIES(own_users, judge(out, unshare(CLONE_NEWUSER)))
TRIES(own_mounts, judge(out, unshare(CLONE_NEWNS)))
TRIES(own_pids, judge(out, unshare(CLONE_NEWPID)))
TRIES(own_network, judge(out, unshare(CLONE_NEWNET)))
TRIES(own_ipc, judge(out, unshare(CLONE_NEWIPC)))
TRIES(own_host_name, judge(out, unshare(CLONE_NEWUTS)))
TRIES(own_cgroups, judge(out, unshare(CLONE_NEWCGROUP)))
TRIES(own_clock, judge(out, unshare(CLONE_NEWTIME)))

static void change_mount(const char *subject, struct outcome *out) {
  (void)subject;
  struct mount_attr nothing = {0};
  judge_permission(out, syscall(SYS_mount_setattr, AT_FDCWD, "/", 0, &nothing, sizeof nothing));
}

static void remount_writable(const char *subject, struct outcome *out) {
  (void)subject;
  // Of a directory that is no mount: refused as invalid by who may, which changes nothing.
  const char *directory = own_directory();
  judge_permission(out, mount(NULL, directory, NULL, 32 | 4096, NULL));
  rmdir(directory);
}

static void unmount(const char *subject, struct outcome *out) {
  (void)subject;
  const char *directory = own_directory();
  judge_permission(out, umount2(directory, 2));
  rmdir(directory);
}

static void clone_users(const char *subject, struct outcome *out) {
  (void)subject;
  long pid = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
  if (pid == 0) _exit(0);
  judge(out, pid);
}

static void clone3_users(const char *subject, struct outcome *out) {
  (void)subject;
  struct clone_args arguments = {.flags = CLONE_NEWUSER, .exit_signal = SIGCHLD};
  long pid = syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid == 0) _exit(0);
  judge(out, pid);
}

// Of every process that is listed. Its own are let in by nobody either: joining needs a capability.
static void join(const char *kind, struct outcome *out) {
  char path[300];
  int error = ENOENT;
  DIR *directory = opendir("/proc");
  if (directory == NULL) return say(out, REFUSED, "%s", strerrorname_np(errno));
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    if (atoi(entry->d_name) <= 0) continue;
    snprintf(path, sizeof path, "/proc/%s/ns/%s", entry->d_name, kind);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && setns(fd, 0) == 0) return say(out, HARM, "joined %s", path);
    error = errno;
    if (fd >= 0) close(fd);
  }
  say(out, REFUSED, "%s", strerrorname_np(error));
}
TRIES(join_mounts, join("mnt", out))
TRIES(join_pids, join("pid", out))
TRIES(join_network, join("net", out))
TRIES(join_users, join("user", out))

static void join_by_pidfd(const char *subject, struct outcome *out) {
  (void)subject;
  int fd = (int)syscall(SYS_pidfd_open, 1, 0);
  if (fd < 0) return say(out, REFUSED, "pidfd_open: %s", strerrorname_np(errno));
  judge(out, setns(fd, CLONE_NEWNS));
}

void share_namespace(const char *subject, struct outcome *out) {
  // "mnt,4026531841"
  char kind[32], path[64];
  unsigned long inode;
  struct stat status;
  if (sscanf(subject, "%31[^,],%lu", kind, &inode) != 2) exit(3);
  snprintf(path, sizeof path, "/proc/self/ns/%s", kind);
  if (stat(path, &status) != 0) return say(out, REFUSED, "%s", strerrorname_np(errno));
  if (status.st_ino == inode) say(out, HARM, "is in the host's");
  else say(out, REFUSED, "has its own");
}

// Each hierarchy, wherever a host mounts it.
static void open_in_cgroups(const char *name, struct outcome *out) {
  char path[400];
  int error = ENOENT;
  const char *bases[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/pids", "/sys/fs/cgroup/cpu", "/sys/fs/cgroup/systemd"};
  for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
    snprintf(path, sizeof path, "%s/%s", bases[i], name);
    if (open(path, O_WRONLY | O_CLOEXEC) >= 0) return say(out, HARM, "opened %s", path);
    if (errno != ENOENT) error = errno;
  }
  say(out, REFUSED, "%s", strerrorname_np(error));
}
TRIES(cgroup_procs, open_in_cgroups("cgroup.procs", out))
TRIES(cgroup_subtree, open_in_cgroups("cgroup.subtree_control", out))
TRIES(cgroup_release_agent, open_in_cgroups("release_agent", out))

static void cgroup_make(const char *subject, struct outcome *out) {
  (void)subject;
  const char *bases[] = {"/sys/fs/cgroup/unified", "/sys/fs/cgroup"};
  for (size_t i = 0; i < 2; i++) {
    char path[100];
    snprintf(path, sizeof path, "%s/hostile-probe-%d", bases[i], getpid());
    int result = mkdir(path, 0700);
    judge(out, result);
    if (result == 0) rmdir(path);
    if (out->verdict == HARM) return;
  }
}

static void cgroup_own_limits(const char *subject, struct outcome *out) {
  (void)subject;
  // Where the job is, as it sees it, in the hierarchies that limit it.
  char text[4096], *line, *rest = text;
  int error = ENOENT;
  if (!read_some("/proc/self/cgroup", text, sizeof text)) return say(out, REFUSED, "%s", strerrorname_np(errno));
  while ((line = strsep(&rest, "\n")) != NULL && *line != 0) {
    char *names = strchr(line, ':') + 1, *where = strchr(names, ':') + 1, path[4200];
    names[strcspn(names, ":")] = 0;
    const char *files[] = {"memory.limit_in_bytes", "memory.max", "pids.max", "cpu.shares", "cpu.max", "cgroup.procs"};
    for (size_t i = 0; i < 6; i++) {
      snprintf(path, sizeof path, "/sys/fs/cgroup/%s%s/%s", names, where, files[i]);
      if (open(path, O_WRONLY | O_CLOEXEC) >= 0) return say(out, HARM, "opened %.150s", path);
      if (errno != ENOENT) error = errno;
    }
  }
  say(out, REFUSED, "%s", strerrorname_np(error));
}

static void cgroup_names(const char *subject, struct outcome *out) {
  (void)subject;
  char text[4096], *line, *rest = text;
  if (!read_some("/proc/self/cgroup", text, sizeof text)) return say(out, REFUSED, "%s", strerrorname_np(errno));
  while ((line = strsep(&rest, "\n")) != NULL && *line != 0) {
    if (strchr(line, '/')[1] != 0) return say(out, HARM, "sees %.150s", line);
  }
  say(out, HARMLESS, "its own are the root");
}

static void mount_table(const char *subject, struct outcome *out) {
  (void)subject;
  static char text[1 << 16];
  if (!read_some("/proc/self/mountinfo", text, sizeof text)) return say(out, REFUSED, "%s", strerrorname_np(errno));
  int mounts = 0;
  for (char *at = text; (at = strchr(at, '\n')) != NULL; at++) mounts++;
  say(out, strstr(text, " /sys/fs/cgroup") != NULL ? HARM : HARMLESS, "%d mounts", mounts);
}

const struct attempt mount_attempts[] = {
    {"mount-tmpfs", mount_tmpfs},
    {"mount-proc", mount_proc},
    {"mount-sysfs", mount_sysfs},
    {"mount-cgroup2", mount_cgroup2},
    {"mount-cgroup1", mount_cgroup1},
    {"mount-devpts", mount_devpts},
    {"mount-bind", mount_bind},
    {"mount-remount-writable", remount_writable},
    {"mount-unmount", unmount},
    {"mount-pivot-root", root_move},
    {"mount-chroot", root_change},
    {"mount-open-tree", tree_copy},
    {"mount-move-mount", tree_move},
    {"mount-fsopen", open_file_system},
    {"mount-fspick", pick_file_system},
    {"mount-setattr", change_mount},
    {"mount-table", mount_table},
    {"namespace-user", own_users},
    {"namespace-mount", own_mounts},
    {"namespace-pid", own_pids},
    {"namespace-network", own_network},
    {"namespace-ipc", own_ipc},
    {"namespace-host-name", own_host_name},
    {"namespace-cgroup", own_cgroups},
    {"namespace-time", own_clock},
    {"namespace-clone-user", clone_users},
    {"namespace-clone3-user", clone3_users},
    {"namespace-join-mount", join_mounts},
    {"namespace-join-pid", join_pids},
    {"namespace-join-network", join_network},
    {"namespace-join-user", join_users},
    {"namespace-join-by-pidfd", join_by_pidfd},
    {"cgroup-procs", cgroup_procs},
    {"cgroup-subtree-control", cgroup_subtree},
    {"cgroup-release-agent", cgroup_release_agent},
    {"cgroup-make", cgroup_make},
    {"cgroup-own-limits", cgroup_own_limits},
    {"cgroup-names", cgroup_names},
    {NULL, NULL},
};
