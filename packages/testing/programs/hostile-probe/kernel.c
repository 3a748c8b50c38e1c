// The kernel itself: modules, clocks, devices, keyrings, and calls that a job has no use for.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/quota.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "subjects.h"

#define TRIES(name, call)                                           \
  static void name(const char *subject, struct outcome *out) { \
    (void)subject;                                                  \
    call;                                                           \
  }

// Made to fail where they would be let in: an image that is none, a name that nobody has, flags that do not exist.
TRIES(load_module, judge_permission(out, syscall(SYS_init_module, "", 0, "")))
TRIES(load_module_file, judge_permission(out, syscall(SYS_finit_module, -1, "", 0)))
TRIES(unload_module, judge_permission(out, syscall(SYS_delete_module, "hostile_probe", 0)))
TRIES(load_kernel, judge_permission(out, syscall(SYS_kexec_load, 0, 0, NULL, ~0ul)))
TRIES(load_kernel_file, judge_permission(out, syscall(SYS_kexec_file_load, -1, -1, 0, NULL, ~0ul)))
TRIES(reboot_it, judge_permission(out, syscall(SYS_reboot, 0, 0, 0, NULL)))
TRIES(swap_on, judge_permission(out, syscall(SYS_swapon, "/nonexistent", 0)))
TRIES(swap_off, judge_permission(out, syscall(SYS_swapoff, "/nonexistent")))
TRIES(account, judge_permission(out, syscall(SYS_acct, "/nonexistent")))
TRIES(fanotify, judge(out, syscall(SYS_fanotify_init, 4, O_RDONLY)))
TRIES(kernel_log, judge(out, syscall(SYS_syslog, 3, (char[64]){0}, 64)))
TRIES(hang_up, judge(out, syscall(SYS_vhangup)))
TRIES(quota, judge(out, syscall(SYS_quotactl, QCMD(Q_SYNC, USRQUOTA), NULL, 0, NULL)))
// As it is now, which changes nothing.
TRIES(set_time_of_day, judge(out, syscall(SYS_settimeofday, NULL, NULL)))

static void set_clock(const char *subject, struct outcome *out) {
  (void)subject;
  struct timespec now;
  syscall(SYS_clock_gettime, CLOCK_REALTIME, &now);
  judge(out, syscall(SYS_clock_settime, CLOCK_REALTIME, &now));
}

static void adjust_clock(const char *subject, struct outcome *out) {
  (void)subject;
  struct timex clock = {0};
  if (syscall(SYS_adjtimex, &clock) < 0) return say(out, REFUSED, "%s", strerrorname_np(errno));
  clock.modes = ADJ_TICK;
  judge(out, syscall(SYS_adjtimex, &clock));
}

static void host_name(const char *subject, struct outcome *out) {
  (void)subject;
  char name[256];
  gethostname(name, sizeof name);
  judge(out, sethostname(name, strlen(name)));
}

static void domain_name(const char *subject, struct outcome *out) {
  (void)subject;
  char name[256];
  if (getdomainname(name, sizeof name) != 0) return say(out, REFUSED, "%s", strerrorname_np(errno));
  judge(out, setdomainname(name, strlen(name)));
}

static void keyring(long special, struct outcome *out) { judge(out, syscall(SYS_keyctl, 0, special, 0)); }
TRIES(user_keyring, keyring(-4, out))
TRIES(session_keyring, keyring(-3, out))
TRIES(process_keyring, keyring(-2, out))
TRIES(user_session_keyring, keyring(-5, out))
TRIES(search_keyring, judge_permission(out, syscall(SYS_keyctl, 10, -4, "user", "hostile-probe", 0)))
TRIES(new_session_keyring, judge(out, syscall(SYS_keyctl, 1, NULL)))
TRIES(add_key_to_session, judge(out, syscall(SYS_add_key, "user", "hostile-probe", "x", 1, -2)))
TRIES(request_a_key, judge_permission(out, syscall(SYS_request_key, "user", "hostile-probe", NULL, 0)))

static void ring(const char *subject, struct outcome *out) {
  (void)subject;
  uint32_t parameters[30] = {0};
  judge(out, syscall(SYS_io_uring_setup, 1, parameters));
}
TRIES(ring_register, judge_permission(out, syscall(SYS_io_uring_register, -1, 0, NULL, 0)))

static void bpf_map(const char *subject, struct outcome *out) {
  (void)subject;
  union bpf_attr attributes = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
  judge(out, syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof attributes));
}

static void perf(const char *subject, struct outcome *out) {
  (void)subject;
  struct perf_event_attr attributes = {.type = PERF_TYPE_SOFTWARE, .size = sizeof attributes, .config = PERF_COUNT_SW_TASK_CLOCK, .exclude_kernel = 1};
  judge(out, syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0));
}

TRIES(fault_handler, judge(out, syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY)))
TRIES(move_pages_of_server, judge_permission(out, syscall(SYS_move_pages, told.server, 0, NULL, NULL, NULL, 0)))
TRIES(migrate_pages_of_server, judge_permission(out, syscall(SYS_migrate_pages, told.server, 64, (unsigned long[]){1}, (unsigned long[]){1})))
TRIES(dcookie, judge_permission(out, syscall(212, 0ul, NULL, 0)))
TRIES(nfs_service, judge_permission(out, syscall(180, 0, NULL, NULL)))

static void fixed_addresses(const char *subject, struct outcome *out) {
  (void)subject;
  if (syscall(SYS_personality, ADDR_NO_RANDOMIZE) < 0) say(out, REFUSED, "%s", strerrorname_np(errno));
  else say(out, HARMLESS, "of its own process");
}

static void read_implies_exec(const char *subject, struct outcome *out) {
  (void)subject;
  if (syscall(SYS_personality, READ_IMPLIES_EXEC) < 0) say(out, REFUSED, "%s", strerrorname_np(errno));
  else say(out, HARMLESS, "of its own process");
}

#ifdef __x86_64__
TRIES(io_privilege, judge(out, syscall(SYS_iopl, 3)))
TRIES(io_ports, judge(out, syscall(SYS_ioperm, 0x80, 1, 1)))

// The 32-bit way in has other numbers: a filter that looks at numbers alone is passed by.
static long old_way(long number, long a, long b, long c) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory", "r8", "r9", "r10", "r11");
  if (result >= 0) return result;
  errno = (int)-result;
  return -1;
}
TRIES(old_unshare, judge(out, old_way(310, CLONE_NEWUSER, 0, 0)))
TRIES(old_keyctl, judge(out, old_way(288, 0, -4, 0)))
TRIES(old_bpf, judge_permission(out, old_way(357, 0, 0, 0)))
TRIES(old_ring, judge_permission(out, old_way(425, 0, 0, 0)))
TRIES(x32_keyctl, judge(out, syscall(0x40000000 + SYS_keyctl, 0, -4, 0)))
TRIES(x32_unshare, judge(out, syscall(0x40000000 + SYS_unshare, CLONE_NEWUSER)))
#endif

static void open_device(const char *const *paths, int flags, struct outcome *out) {
  int error = ENOENT;
  for (; *paths != NULL; paths++) {
    if (open(*paths, flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY) >= 0) return say(out, HARM, "opened %s", *paths);
    if (errno != ENOENT) error = errno;
  }
  say(out, REFUSED, "%s", strerrorname_np(error));
}
#define OPENS(name, flags, ...) TRIES(name, open_device((const char *const[]){__VA_ARGS__, NULL}, flags, out))
OPENS(disk, O_RDONLY, "/dev/sda", "/dev/vda", "/dev/xvda", "/dev/nvme0n1", "/dev/dm-0", "/dev/mmcblk0")
OPENS(memory, O_RDONLY, "/dev/mem", "/dev/kmem", "/proc/kcore")
OPENS(ports, O_RDONLY, "/dev/port")
OPENS(kernel_messages, O_RDONLY, "/dev/kmsg", "/proc/kmsg")
OPENS(loop_control, O_RDWR, "/dev/loop-control", "/dev/loop0")
OPENS(fuse, O_RDWR, "/dev/fuse")
OPENS(tun, O_RDWR, "/dev/net/tun")
OPENS(kvm, O_RDWR, "/dev/kvm")
OPENS(input, O_RDWR, "/dev/uinput", "/dev/input/event0", "/dev/uhid")
OPENS(console, O_RDWR, "/dev/console", "/dev/tty0", "/dev/tty1", "/dev/ttyS0", "/dev/hvc0")
OPENS(core_pattern, O_WRONLY, "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe")
OPENS(kernel_settings, O_WRONLY, "/proc/sys/vm/overcommit_memory", "/proc/sys/kernel/randomize_va_space", "/proc/sys/net/ipv4/ip_forward")
OPENS(magic_keys, O_WRONLY, "/proc/sysrq-trigger")
OPENS(sys_files, O_WRONLY, "/sys/kernel/uevent_helper", "/sys/power/state", "/sys/kernel/mm/transparent_hugepage/enabled", "/sys/class/net/lo/mtu")
OPENS(debug_files, O_RDONLY, "/sys/kernel/debug", "/sys/kernel/tracing/trace", "/sys/kernel/security")
OPENS(firmware, O_RDONLY, "/sys/firmware/dmi/tables/DMI", "/sys/firmware/acpi/tables/DSDT")
OPENS(timers, O_RDONLY, "/proc/timer_list", "/proc/sched_debug", "/proc/slabinfo", "/proc/vmallocinfo")
OPENS(interrupt_affinity, O_WRONLY, "/proc/irq/default_smp_affinity")

static void make_device(mode_t kind, unsigned major, unsigned minor, struct outcome *out) {
  const char *directory = own_directory();
  char path[100];
  snprintf(path, sizeof path, "%s/device", directory);
  if (mknod(path, kind | 0600, makedev(major, minor)) != 0) {
    say(out, REFUSED, "mknod: %s", strerrorname_np(errno));
  } else {
    say(out, HARM, "made it; opened: %s", open(path, O_RDONLY | O_NONBLOCK) >= 0 ? "yes" : strerrorname_np(errno));
    unlink(path);
  }
  rmdir(directory);
}
TRIES(make_disk, make_device(S_IFBLK, 254, 0, out))
TRIES(make_memory, make_device(S_IFCHR, 1, 1, out))

static void push_input(const char *subject, struct outcome *out) {
  (void)subject;
  int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
  if (fd < 0) return say(out, REFUSED, "no terminal: %s", strerrorname_np(errno));
  judge(out, ioctl(fd, TIOCSTI, ""));
}

static void push_input_to_own(const char *subject, struct outcome *out) {
  (void)subject;
  int master = posix_openpt(O_RDWR | O_NOCTTY);
  if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0) return say(out, REFUSED, "no terminal: %s", strerrorname_np(errno));
  pid_t pid = fork();
  if (pid == 0) {
    setsid();
    int slave = open(ptsname(master), O_RDWR);
    ioctl(slave, TIOCSCTTY, 0);
    judge(out, ioctl(slave, TIOCSTI, "x"));
    // Its own terminal; whether the call is let through matters where a terminal is shared with somebody who is not the job.
    if (out->verdict == HARM) say(out, HARMLESS, "its own terminal");
    return;
  }
  // The child tells the outcome.
  waitpid(pid, NULL, 0);
  _exit(0);
}

const struct attempt kernel_attempts[] = {
    {"kernel-init-module", load_module},
    {"kernel-finit-module", load_module_file},
    {"kernel-delete-module", unload_module},
    {"kernel-kexec", load_kernel},
    {"kernel-kexec-file", load_kernel_file},
    {"kernel-reboot", reboot_it},
    {"kernel-swapon", swap_on},
    {"kernel-swapoff", swap_off},
    {"kernel-acct", account},
    {"kernel-fanotify", fanotify},
    {"kernel-log", kernel_log},
    {"kernel-vhangup", hang_up},
    {"kernel-quotactl", quota},
    {"kernel-settimeofday", set_time_of_day},
    {"kernel-clock-settime", set_clock},
    {"kernel-adjtimex", adjust_clock},
    {"kernel-sethostname", host_name},
    {"kernel-setdomainname", domain_name},
    {"kernel-user-keyring", user_keyring},
    {"kernel-session-keyring", session_keyring},
    {"kernel-process-keyring", process_keyring},
    {"kernel-user-session-keyring", user_session_keyring},
    {"kernel-search-keyring", search_keyring},
    {"kernel-new-session-keyring", new_session_keyring},
    {"kernel-add-key", add_key_to_session},
    {"kernel-request-key", request_a_key},
    {"kernel-io-uring", ring},
    {"kernel-io-uring-register", ring_register},
    {"kernel-bpf", bpf_map},
    {"kernel-perf", perf},
    {"kernel-userfaultfd", fault_handler},
    {"kernel-move-pages", move_pages_of_server},
    {"kernel-migrate-pages", migrate_pages_of_server},
    {"kernel-personality-fixed-addresses", fixed_addresses},
    {"kernel-personality-read-implies-exec", read_implies_exec},
#ifdef __x86_64__
    {"kernel-lookup-dcookie", dcookie},
    {"kernel-nfsservctl", nfs_service},
    {"kernel-iopl", io_privilege},
    {"kernel-ioperm", io_ports},
    {"kernel-i386-unshare", old_unshare},
    {"kernel-i386-keyctl", old_keyctl},
    {"kernel-i386-bpf", old_bpf},
    {"kernel-i386-io-uring", old_ring},
    {"kernel-x32-keyctl", x32_keyctl},
    {"kernel-x32-unshare", x32_unshare},
#endif
    {"device-disk", disk},
    {"device-memory", memory},
    {"device-ports", ports},
    {"device-kernel-messages", kernel_messages},
    {"device-loop", loop_control},
    {"device-fuse", fuse},
    {"device-tun", tun},
    {"device-kvm", kvm},
    {"device-input", input},
    {"device-console", console},
    {"device-make-disk", make_disk},
    {"device-make-memory", make_memory},
    {"device-push-input", push_input},
    {"device-push-input-to-own", push_input_to_own},
    {"setting-core-pattern", core_pattern},
    {"setting-kernel", kernel_settings},
    {"setting-sysrq", magic_keys},
    {"setting-sys", sys_files},
    {"setting-debug", debug_files},
    {"setting-firmware", firmware},
    {"setting-kernel-internals", timers},
    {"setting-interrupts", interrupt_affinity},
    {NULL, NULL},
};
