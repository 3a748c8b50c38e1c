// What can be reached, and kinds of sockets that reach around a network namespace or into the kernel.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/if_alg.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "subjects.h"

static void connect_unix(const struct sockaddr_un *address, socklen_t length, struct outcome *out) {
  int error = 0;
  for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK, 0);
    if (fd < 0) return say(out, REFUSED, "socket: %s", strerrorname_np(errno));
    if (connect(fd, (const struct sockaddr *)address, length) == 0) return say(out, HARM, "connected");
    // Of the right kind only the first try is: the other's error says less.
    if (type == SOCK_STREAM) error = errno;
    close(fd);
  }
  // A full backlog was let in.
  say(out, error == EAGAIN ? HARM : REFUSED, "%s", strerrorname_np(error));
}

void connect_path(const char *subject, struct outcome *out) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", subject);
  connect_unix(&address, sizeof address, out);
}

void connect_abstract(const char *subject, struct outcome *out) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t length = strlen(subject);
  memcpy(address.sun_path + 1, subject, length);
  connect_unix(&address, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length), out);
}

static socklen_t parse(const char *subject, struct sockaddr_storage *into) {
  char text[128];
  int port;
  if (sscanf(subject, "%127[^,],%d", text, &port) != 2) exit(3);
  struct sockaddr_in *v4 = (struct sockaddr_in *)into;
  struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)into;
  memset(into, 0, sizeof *into);
  if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons((in_port_t)port);
    return sizeof *v4;
  }
  if (inet_pton(AF_INET6, text, &v6->sin6_addr) != 1) exit(3);
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons((in_port_t)port);
  return sizeof *v6;
}

void connect_tcp(const char *subject, struct outcome *out) {
  struct sockaddr_storage address;
  socklen_t length = parse(subject, &address);
  int fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (fd < 0) return say(out, REFUSED, "socket: %s", strerrorname_np(errno));
  int error = connect(fd, (struct sockaddr *)&address, length) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    struct pollfd writable = {fd, POLLOUT, 0};
    socklen_t size = sizeof error;
    if (poll(&writable, 1, 1000) != 1) return say(out, REFUSED, "no answer");
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  }
  say(out, error == 0 ? HARM : REFUSED, "%s", error == 0 ? "connected" : strerrorname_np(error));
}

// Needs an answer: that a datagram was taken says nothing about where it went.
void send_udp(const char *subject, struct outcome *out) {
  struct sockaddr_storage address;
  socklen_t length = parse(subject, &address);
  int fd = socket(address.ss_family, SOCK_DGRAM, 0);
  if (fd < 0) return say(out, REFUSED, "socket: %s", strerrorname_np(errno));
  if (connect(fd, (struct sockaddr *)&address, length) != 0 || send(fd, "probe", 5, 0) != 5) return say(out, REFUSED, "%s", strerrorname_np(errno));
  struct pollfd readable = {fd, POLLIN, 0};
  char answer[16];
  if (poll(&readable, 1, 1000) != 1) return say(out, REFUSED, "no answer");
  if (recv(fd, answer, sizeof answer, 0) < 0) return say(out, REFUSED, "%s", strerrorname_np(errno));
  say(out, HARM, "answered");
}

#define SOCKET(name, ...)                                           \
  static void name(const char *subject, struct outcome *out) { \
    (void)subject;                                                  \
    judge(out, socket(__VA_ARGS__));                                \
  }
SOCKET(packet, AF_PACKET, SOCK_RAW, htons(ETH_P_ALL))
SOCKET(vsock, AF_VSOCK, SOCK_STREAM, 0)
SOCKET(alg, AF_ALG, SOCK_SEQPACKET, 0)
SOCKET(audit, AF_NETLINK, SOCK_RAW, NETLINK_AUDIT)
SOCKET(raw_icmp, AF_INET, SOCK_RAW, IPPROTO_ICMP)
SOCKET(raw_tcp, AF_INET, SOCK_RAW, IPPROTO_TCP)
SOCKET(raw6_icmp, AF_INET6, SOCK_RAW, IPPROTO_ICMPV6)
SOCKET(key_management, AF_KEY, SOCK_RAW, 2)
SOCKET(bluetooth, AF_BLUETOOTH, SOCK_RAW, 1)

static void low_port(const char *subject, struct outcome *out) {
  (void)subject;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(81), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0) return say(out, REFUSED, "%s", strerrorname_np(errno));
  say(out, HARMLESS, "bound to port 81 of its own loopback");
}

static void interfaces(const char *subject, struct outcome *out) {
  (void)subject;
  struct ifaddrs *all = NULL;
  if (getifaddrs(&all) != 0) return say(out, REFUSED, "%s", strerrorname_np(errno));
  for (struct ifaddrs *one = all; one != NULL; one = one->ifa_next) {
    if ((one->ifa_flags & IFF_LOOPBACK) == 0) return say(out, HARM, "sees %s", one->ifa_name);
  }
  say(out, HARMLESS, "its own loopback");
}

static void change_interface(const char *subject, struct outcome *out) {
  (void)subject;
  struct ifreq request = {.ifr_name = "lo"};
  int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) != 0) return say(out, REFUSED, "%s", strerrorname_np(errno));
  judge(out, ioctl(fd, SIOCSIFFLAGS, &request));
}

static void unix_in_proc(const char *subject, struct outcome *out) {
  (void)subject;
  static char text[1 << 20];
  FILE *file = fopen("/proc/net/unix", "r");
  if (file == NULL) return say(out, REFUSED, "%s", strerrorname_np(errno));
  size_t got = fread(text, 1, sizeof text - 1, file);
  text[got] = 0;
  char *named = strstr(text, "shim.sock");
  if (named != NULL) say(out, HARM, "sees sockets of the host");
  else say(out, HARMLESS, "none of the host");
}

const struct attempt network_attempts[] = {
    {"network-packet-socket", packet},
    {"network-vsock-socket", vsock},
    {"network-kernel-crypto-socket", alg},
    {"network-audit-socket", audit},
    {"network-raw-icmp", raw_icmp},
    {"network-raw-tcp", raw_tcp},
    {"network-raw-icmp6", raw6_icmp},
    {"network-ipsec-key-socket", key_management},
    {"network-bluetooth-socket", bluetooth},
    {"network-low-port", low_port},
    {"network-interfaces", interfaces},
    {"network-change-interface", change_interface},
    {"network-unix-sockets-in-proc", unix_in_proc},
    {NULL, NULL},
};
