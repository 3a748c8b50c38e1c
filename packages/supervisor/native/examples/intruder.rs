//! Calls what no safe interface offers, for the tests of what is refused: `probe PORT NAME` tries to leave a sandbox, with a port and an abstract socket of the host, and tells
//! what it was let do; `traced` asks to be traced by its parent and becomes a program.
//!
//! The one place beside `src/sys` that is unsafe: what it calls must not exist there.

#![allow(unsafe_code)]

use std::ffi::CString;
use std::fs::OpenOptions;
use std::io::Error;
use std::net::{SocketAddr, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use libc::c_long;

const X86: bool = cfg!(target_arch = "x86_64");
const CLONE: c_long = libc::SYS_clone;
const CLONE3: c_long = 435;
const X32: c_long = 0x4000_0000;
// A namespace of users, to those that take flags first.
const NEW_USER: c_long = 0x1000_0000;
const TIOCSTI: c_long = 0x5412;
const ADDR_NO_RANDOMIZE: c_long = 0x004_0000;

fn main() {
    let words: Vec<String> = std::env::args().collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[1..] {
        ["probe", port, name] => probe(port.parse().expect("a port"), name),
        ["traced"] => traced(),
        _ => std::process::exit(2),
    }
}

/// The errno, or 0 for success.
fn call(number: c_long, arguments: [c_long; 5]) -> i32 {
    let [first, second, third, fourth, fifth] = arguments;
    // SAFETY: each call is expected to be refused; where one is not, the test has failed and this process ends.
    if unsafe { libc::syscall(number, first, second, third, fourth, fifth) } == -1 { Error::last_os_error().raw_os_error().unwrap_or(0) } else { 0 }
}

fn traced() {
    assert_eq!(call(libc::SYS_ptrace, [c_long::from(libc::PTRACE_TRACEME), 0, 0, 0, 0]), 0);
    panic!("{}", Command::new("/bin/sh").args(["-c", "echo ready; exit 3"]).exec());
}

fn probe(port: u16, name: &str) {
    refused_calls();
    sockets();
    connections(port, name);
    files();
    becoming();
    descriptors();
    println!("end");
}

fn expect(what: &str, errno: i32, expected: i32) {
    if errno != expected {
        println!("{what}: {errno}");
    }
}

fn refused_calls() {
    let numbers = [
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_chroot,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_ptrace,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_io_uring_setup,
        libc::SYS_kexec_load,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_delete_module,
        libc::SYS_open_by_handle_at,
        libc::SYS_name_to_handle_at,
        libc::SYS_quotactl,
        libc::SYS_acct,
        libc::SYS_swapon,
        libc::SYS_swapoff,
        libc::SYS_reboot,
        libc::SYS_settimeofday,
        libc::SYS_clock_settime,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_fsopen,
        libc::SYS_fsmount,
        libc::SYS_open_tree,
        libc::SYS_move_mount,
        libc::SYS_mount_setattr,
        libc::SYS_pidfd_getfd,
        libc::SYS_syslog,
        libc::SYS_sethostname,
        libc::SYS_kcmp,
        libc::SYS_fanotify_init,
    ];
    for number in numbers {
        expect(&format!("call {number}"), call(number, [NEW_USER, 0, 0, 0, 0]), libc::EPERM);
    }
    #[cfg(target_arch = "x86_64")]
    for number in [libc::SYS_iopl, libc::SYS_ioperm, libc::SYS_modify_ldt] {
        expect(&format!("call {number}"), call(number, [3, 0, 0, 0, 0]), libc::EPERM);
    }
    if X86 {
        expect("x32", call(X32 + libc::SYS_getpid, [0; 5]), libc::ENOSYS);
    }
    expect("clone3", call(CLONE3, [0, 88, 0, 0, 0]), libc::ENOSYS);
    for flag in [0x20000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000] {
        let own = std::process::id();
        let errno = call(CLONE, [flag | c_long::from(libc::SIGCHLD), 0, 0, 0, 0]);
        if std::process::id() != own {
            // One that should not be.
            std::process::exit(0);
        }
        expect(&format!("clone {flag:x}"), errno, libc::EPERM);
    }
    expect("personality", call(libc::SYS_personality, [ADDR_NO_RANDOMIZE, 0, 0, 0, 0]), libc::EPERM);
}

fn socket(family: i32, kind: i32, protocol: i32) -> i32 {
    call(libc::SYS_socket, [family.into(), kind.into(), protocol.into(), 0, 0])
}

fn sockets() {
    for family in [17, 38, 40, 15, 29, 30, 31, 3, 4, 5, 9, 21, 44] {
        let kind = if family == 17 { libc::SOCK_RAW } else { libc::SOCK_STREAM };
        expect(&format!("family {family}"), socket(family, kind, 0), libc::EAFNOSUPPORT);
    }
    for protocol in [1, 255] {
        expect("raw socket", socket(libc::AF_INET, libc::SOCK_RAW, protocol), libc::EPERM);
    }
    if socket(libc::AF_NETLINK, libc::SOCK_RAW, 4) == 0 {
        println!("netlink");
    }
}

fn connections(port: u16, name: &str) {
    for address in ["127.0.0.1", "169.254.169.254", "10.0.0.1"] {
        let to = SocketAddr::new(address.parse().expect("an address"), port);
        if TcpStream::connect_timeout(&to, Duration::from_secs(2)).is_ok() {
            println!("connected {address}");
        }
    }
    let address = std::os::unix::net::SocketAddr::from_abstract_name(name).expect("a name");
    if UnixStream::connect_addr(&address).is_ok() {
        println!("abstract");
    }
}

fn files() {
    for path in ["/proc/kcore", "/dev/kmsg", "/dev/mem", "/proc/kmsg", "/dev/vda", "/dev/sda", "/etc/shadow"] {
        if OpenOptions::new().read(true).open(path).is_ok() {
            println!("opened {path}");
        }
    }
    for path in
        ["/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/etc/passwd", "/usr/x", "/x", "/sys/fs/cgroup/cgroup.procs"]
    {
        if OpenOptions::new().append(true).create(true).open(path).is_ok() {
            println!("opened {path} to write");
        }
    }
    let device = CString::new("/workspace/d").expect("no NUL");
    let number = c_long::try_from(libc::makedev(254, 0)).expect("a number");
    expect("mknod", call(libc::SYS_mknodat, [libc::AT_FDCWD.into(), device.as_ptr() as c_long, (libc::S_IFBLK | 0o666).into(), number, 0]), libc::EPERM);
}

fn becoming() {
    for (what, number, arguments) in [
        ("setuid", libc::SYS_setuid, [0; 5]),
        ("setresuid", libc::SYS_setresuid, [0; 5]),
        ("setgroups", libc::SYS_setgroups, [0; 5]),
        ("setgid", libc::SYS_setgid, [0; 5]),
    ] {
        if call(number, arguments) == 0 {
            println!("{what}");
        }
    }
    if std::os::unix::fs::chown("/workspace", Some(0), Some(0)).is_ok() {
        println!("chown");
    }
}

/// None but our own, and no letters typed into a terminal.
fn descriptors() {
    let open = std::fs::read_dir("/proc/self/fd")
        .expect("our descriptors")
        .flatten()
        .filter_map(|entry| std::fs::read_link(entry.path()).ok().map(|to| (entry.file_name(), to)));
    for (number, to) in open.filter(|(number, to)| number.to_string_lossy().parse::<i32>().is_ok_and(|number| number > 2) && !to.starts_with("/proc/")) {
        println!("descriptor {} {}", number.display(), to.display());
    }
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/ptmx").expect("a terminal");
    let letter = b'x';
    let typed = call(libc::SYS_ioctl, [std::os::fd::AsRawFd::as_raw_fd(&terminal).into(), TIOCSTI, &raw const letter as c_long, 0, 0]);
    expect("TIOCSTI", typed, libc::EPERM);
}
