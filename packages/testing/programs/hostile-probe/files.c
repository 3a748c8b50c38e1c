// Data of the host, and ways out of the sandbox's own root.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "subjects.h"

bool read_some(const char *path, char *into, size_t size) {
  int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t got = read(fd, into, size - 1);
  int error = errno;
  close(fd);
  errno = error;
  if (got < 0) return false;
  into[got] = 0;
  return true;
}

void read_file(const char *subject, struct outcome *out) {
  char text[256];
  if (read_some(subject, text, sizeof text)) say(out, HARM, "read %s", subject);
  else say(out, REFUSED, "%s", strerrorname_np(errno));
}

void list_directory(const char *subject, struct outcome *out) {
  DIR *directory = opendir(subject);
  if (directory == NULL) return say(out, REFUSED, "%s", strerrorname_np(errno));
  struct dirent *entry = NULL;
  do entry = readdir(directory);
  while (entry != NULL && entry->d_name[0] == '.');
  if (entry == NULL) say(out, HARMLESS, "empty");
  else say(out, HARM, "%s holds %s", subject, entry->d_name);
}

// Every canary, looked for below `prefix`.
static void through(const char *prefix, struct outcome *out) {
  char path[4096], text[256];
  int error = ENOENT;
  for (size_t i = 0; i < told.canary_count; i++) {
    snprintf(path, sizeof path, "%s%s", prefix, told.canaries[i]);
    if (read_some(path, text, sizeof text)) return say(out, HARM, "read %s", path);
    error = errno;
  }
  say(out, REFUSED, "%s", strerrorname_np(error));
}

static void dots_from_workspace(const char *subject, struct outcome *out) {
  (void)subject;
  through("/workspace/../../../../../../../..", out);
  if (out->verdict != HARM && chdir("/workspace") == 0) through("../../../../../../../../../..", out);
}

static void dots_from_bind(const char *subject, struct outcome *out) {
  (void)subject;
  if (told.writable_bind == NULL || chdir(told.writable_bind) != 0) return say(out, REFUSED, "no bind: %s", strerrorname_np(errno));
  through("../../../../../../../../../..", out);
  if (out->verdict == HARM) return;
  // Step by step: what lies beside the bound directory on the host must not be there.
  char up[256] = "..";
  for (int depth = 0; depth < 10; depth++) {
    DIR *directory = opendir(up);
    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
      if (told.marker != NULL && strstr(entry->d_name, told.marker) != NULL) return say(out, HARM, "%s holds %s", up, entry->d_name);
    }
    if (directory != NULL) closedir(directory);
    strcat(up, "/..");
  }
}

// A link in each place that can be written, to each canary, followed.
static void through_link_in(const char *place, struct outcome *out) {
  char link[512], text[256];
  int error = ENOENT;
  snprintf(link, sizeof link, "%s/probe-link-%d", place, getpid());
  for (size_t i = 0; i < told.canary_count; i++) {
    if (symlink(told.canaries[i], link) != 0) return say(out, REFUSED, "symlink: %s", strerrorname_np(errno));
    bool got = read_some(link, text, sizeof text);
    error = errno;
    unlink(link);
    if (got) return say(out, HARM, "a link in %s led to %s", place, told.canaries[i]);
  }
  say(out, REFUSED, "%s", strerrorname_np(error));
}

static void link_in_workspace(const char *subject, struct outcome *out) {
  (void)subject;
  through_link_in(access("/workspace", W_OK) == 0 ? "/workspace" : "/tmp", out);
}

static void link_in_bind(const char *subject, struct outcome *out) {
  (void)subject;
  if (told.writable_bind == NULL) return say(out, REFUSED, "no bind");
  through_link_in(told.writable_bind, out);
}

static void proc_self_root(const char *subject, struct outcome *out) {
  (void)subject;
  through("/proc/self/root/../..", out);
}

static void proc_init_root(const char *subject, struct outcome *out) {
  (void)subject;
  DIR *directory = opendir("/proc/1/root");
  if (directory == NULL) return say(out, REFUSED, "%s", strerrorname_np(errno));
  closedir(directory);
  say(out, HARM, "opened");
}

static void proc_init_cwd(const char *subject, struct outcome *out) {
  (void)subject;
  char target[256];
  judge(out, readlink("/proc/1/cwd", target, sizeof target));
}

static int canaries_seen;
static char canary_path[160];

static int look_at(const char *path, const struct stat *status, int type, struct FTW *where) {
  (void)status, (void)type;
  if (strstr(path + where->base, told.marker) == NULL) return 0;
  // What is bound is the job's to see.
  if (told.writable_bind != NULL && strncmp(path, told.writable_bind, strlen(told.writable_bind)) == 0) return 0;
  if (told.readable_bind != NULL && strncmp(path, told.readable_bind, strlen(told.readable_bind)) == 0) return 0;
  canaries_seen++;
  snprintf(canary_path, sizeof canary_path, "%s", path);
  return 0;
}

static void walk(const char *subject, struct outcome *out) {
  (void)subject;
  const char *tops[] = {"/home", "/root", "/var", "/srv", "/opt", "/mnt", "/media", "/tmp", "/etc", "/run", "/dev", "/workspace", "/boot"};
  if (told.marker == NULL) return say(out, REFUSED, "no marker");
  for (size_t i = 0; i < sizeof tops / sizeof *tops; i++) nftw(tops[i], look_at, 20, FTW_PHYS | FTW_MOUNT);
  if (canaries_seen > 0) say(out, HARM, "found %d, such as %s", canaries_seen, canary_path);
  else say(out, REFUSED, "none found");
}

static void other_top_level(const char *subject, struct outcome *out) {
  (void)subject;
  // All that a sandbox has; what a host has beside it is nobody's business.
  const char *known = " bin boot dev etc home lib lib32 lib64 libx32 media mnt opt proc root run sbin srv sys tmp usr var workspace ";
  DIR *directory = opendir("/");
  if (directory == NULL) return say(out, REFUSED, "%s", strerrorname_np(errno));
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
    char name[300];
    snprintf(name, sizeof name, " %s ", entry->d_name);
    if (entry->d_name[0] == '.' || strstr(known, name) != NULL) continue;
    snprintf(name, sizeof name, "/%s", entry->d_name);
    // The way to what is bound.
    if (told.writable_bind != NULL && strncmp(told.writable_bind, name, strlen(name)) == 0) continue;
    if (told.readable_bind != NULL && strncmp(told.readable_bind, name, strlen(name)) == 0) continue;
    return say(out, HARM, "%s", name);
  }
  say(out, HARMLESS, "nothing beside what a sandbox has");
}

static void read_shadow(const char *subject, struct outcome *out) {
  (void)subject;
  read_file("/etc/shadow", out);
}

static void read_ssh_host_keys(const char *subject, struct outcome *out) {
  (void)subject;
  list_directory("/etc/ssh", out);
}

static void read_ssl_private(const char *subject, struct outcome *out) {
  (void)subject;
  list_directory("/etc/ssl/private", out);
}

static void read_machine_id(const char *subject, struct outcome *out) {
  (void)subject;
  read_file("/etc/machine-id", out);
}

static void read_logs(const char *subject, struct outcome *out) {
  (void)subject;
  list_directory("/var/log", out);
}

static void write_in(const char *directory, struct outcome *out) {
  char path[256];
  snprintf(path, sizeof path, "%s/hostile-probe-%d", directory, getpid());
  int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
  judge(out, fd);
  if (fd >= 0) unlink(path);
}

#define WRITES_IN(name, directory)                                  \
  static void name(const char *subject, struct outcome *out) { \
    (void)subject;                                                  \
    write_in(directory, out);                                       \
  }
WRITES_IN(write_root, "/")
WRITES_IN(write_usr, "/usr")
WRITES_IN(write_usr_bin, "/usr/bin")
WRITES_IN(write_lib, "/lib")
WRITES_IN(write_etc, "/etc")
WRITES_IN(write_home, "/home")
WRITES_IN(write_root_home, "/root")
WRITES_IN(write_var, "/var")
WRITES_IN(write_boot, "/boot")
WRITES_IN(write_opt, "/opt")

static void write_readable_bind(const char *subject, struct outcome *out) {
  (void)subject;
  if (told.readable_bind == NULL) return say(out, REFUSED, "no bind");
  write_in(told.readable_bind, out);
}

static void append_passwd(const char *subject, struct outcome *out) {
  (void)subject;
  judge(out, open("/etc/passwd", O_WRONLY | O_APPEND | O_CLOEXEC));
}

static void write_program(const char *subject, struct outcome *out) {
  (void)subject;
  judge(out, open("/usr/bin/true", O_WRONLY | O_CLOEXEC));
}

static void chmod_program(const char *subject, struct outcome *out) {
  (void)subject;
  struct stat status;
  if (stat("/usr/bin/true", &status) != 0) return say(out, REFUSED, "%s", strerrorname_np(errno));
  judge(out, chmod("/usr/bin/true", status.st_mode & 07777));
}

static void hard_link(const char *from, const char *directory, struct outcome *out) {
  char path[512];
  snprintf(path, sizeof path, "%s/probe-hard-link-%d", directory, getpid());
  judge(out, link(from, path));
  unlink(path);
}

static void hard_link_to_passwd(const char *subject, struct outcome *out) {
  (void)subject;
  hard_link("/etc/passwd", access("/workspace", W_OK) == 0 ? "/workspace" : "/etc", out);
}

static void hard_link_to_bound(const char *subject, struct outcome *out) {
  (void)subject;
  char from[512];
  if (told.writable_bind == NULL || told.readable_bind == NULL) return say(out, REFUSED, "no bind");
  snprintf(from, sizeof from, "%s/hostile-probe", told.readable_bind);
  hard_link(from, told.writable_bind, out);
}

static void open_by_handle(const char *subject, struct outcome *out) {
  (void)subject;
  struct {
    struct file_handle handle;
    unsigned char bytes[MAX_HANDLE_SZ];
  } root = {.handle.handle_bytes = MAX_HANDLE_SZ};
  int mount_id;
  // The root directory of an ext4 file system is inode 2: who may open by handle needs no name for it.
  if (name_to_handle_at(AT_FDCWD, "/usr", &root.handle, &mount_id, 0) != 0) {
    root.handle.handle_bytes = 8;
    root.handle.handle_type = 1;
    memcpy(root.bytes, (unsigned[]){2, 0}, 8);
  }
  int mount = open("/usr", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  judge_permission(out, open_by_handle_at(mount, &root.handle, O_RDONLY));
}

const struct attempt file_attempts[] = {
    {"file-dots-from-workspace", dots_from_workspace},
    {"file-dots-from-bind", dots_from_bind},
    {"file-link-in-workspace", link_in_workspace},
    {"file-link-in-bind", link_in_bind},
    {"file-proc-self-root", proc_self_root},
    {"file-proc-init-root", proc_init_root},
    {"file-proc-init-cwd", proc_init_cwd},
    {"file-walk-for-canaries", walk},
    {"file-other-top-level", other_top_level},
    {"file-shadow", read_shadow},
    {"file-ssh-host-keys", read_ssh_host_keys},
    {"file-ssl-private", read_ssl_private},
    {"file-machine-id", read_machine_id},
    {"file-logs", read_logs},
    {"file-write-root", write_root},
    {"file-write-usr", write_usr},
    {"file-write-usr-bin", write_usr_bin},
    {"file-write-lib", write_lib},
    {"file-write-etc", write_etc},
    {"file-write-home", write_home},
    {"file-write-root-home", write_root_home},
    {"file-write-var", write_var},
    {"file-write-boot", write_boot},
    {"file-write-opt", write_opt},
    {"file-write-readable-bind", write_readable_bind},
    {"file-append-passwd", append_passwd},
    {"file-write-program", write_program},
    {"file-chmod-program", chmod_program},
    {"file-hard-link-passwd", hard_link_to_passwd},
    {"file-hard-link-bound", hard_link_to_bound},
    {"file-open-by-handle", open_by_handle},
    {NULL, NULL},
};
