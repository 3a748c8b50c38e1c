//! Jobs in sandboxes: what they find, what they cannot reach, and that nothing of them is left.

mod harness;

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use harness::{Job, Lab, wait_for, with_text};
use worker_supervisor::wire::v1::{Bind, EndCause, Identity, Launch, Network, RefusalReason, Sandbox, StartFailed, identity::Who, result};

fn enclosed(launch: Launch) -> Launch {
    let mut launch = Launch { sandbox: Some(Sandbox { network: Network::None.into(), binds: Vec::new() }), cwd: b"/workspace".to_vec(), ..launch };
    let lab = launch.env.iter().find_map(|pair| pair.strip_prefix(b"LAB=")).expect("the lab's directory");
    // It belongs to the launcher's user.
    if std::fs::metadata(OsStr::from_bytes(lab)).expect("stat").uid() == 0 {
        launch.identity = Some(Identity { who: Some(Who::Own(true)) });
    }
    launch.env.retain(|pair| !pair.starts_with(b"LAB="));
    launch.env.push(b"HOME=/workspace".to_vec());
    launch
}

fn with_bind(mut launch: Launch, root: &Path, path: &str, target: &str, writable: bool) -> Launch {
    let bind = Bind { root: root.as_os_str().as_encoded_bytes().to_vec(), path: path.as_bytes().to_vec(), target: target.as_bytes().to_vec(), writable };
    launch.sandbox.as_mut().expect("a sandbox").binds.push(bind);
    launch
}

fn as_root_and_as_ordinary_user(test: impl Fn(Lab)) {
    test(Lab::new());
    if harness::is_root() {
        test(Lab::as_ordinary_user());
    }
}

/// Runs a script in a sandbox; its output, once nothing of it is left.
fn run(lab: &mut Lab, script: &str) -> String {
    let launch = enclosed(lab.shell(script));
    finish(lab, launch)
}

fn finish(lab: &mut Lab, launch: Launch) -> String {
    let job = lab.run(launch);
    assert_nothing_left(lab, &job);
    format!("{}{}", job.stdout(), job.stderr())
}

/// [ISO-5]
fn assert_nothing_left(lab: &Lab, job: &Job) {
    let id = job.dir.file_name().and_then(|name| name.to_str()).expect("a name").to_owned();
    wait_for("the workspace to go", || (!lab.dir.join("work").join(&id).exists()).then_some(()));
    wait_for("shim, guard and init to leave", || with_text(&id).is_empty().then_some(()));
}

fn start_failed(job: &Job) -> StartFailed {
    match job.audit().outcome {
        Some(result::Outcome::StartFailed(failed)) => failed,
        other => panic!("must not have started: {other:?}"),
    }
}

/// [ISO-7]
#[test]
fn what_the_host_enforces_was_tried() {
    as_root_and_as_ordinary_user(|lab| {
        let host = lab.hello.host.clone().expect("what the host lets us do");
        assert!(host.seccomp.is_some_and(|tried| tried.done));
        assert!(host.sandbox.is_some_and(|tried| tried.done));
        assert!(host.network_namespace.is_some_and(|tried| tried.done));
        assert!(host.memory_bytes > 0 && host.cpus > 0 && !host.kernel_release.is_empty());
        assert_eq!(std::fs::read_dir(lab.dir.join("work")).expect("work").count(), 0);
    });
}

/// [ISO-1]
#[test]
fn a_job_finds_its_own_small_world() {
    as_root_and_as_ordinary_user(|mut lab| {
        let out = run(&mut lab, "id -un; id -u; pwd; hostname; echo $$; ls /; ls -A /home /root /opt /srv /mnt /media /sys /tmp /run /workspace; echo $HOME");
        let lines: Vec<&str> = out.lines().collect();
        assert_eq!(lines[..5], ["worker", "1000", "/workspace", "worker", "2"], "{out}");
        let empty = ["/home:", "/root:", "/opt:", "/srv:", "/mnt:", "/media:", "/sys:", "/tmp:", "/run:", "/workspace:"];
        for dir in empty {
            let at = lines.iter().position(|line| *line == dir).unwrap_or_else(|| panic!("{dir} is not there: {out}"));
            assert!(lines.get(at + 1).is_none_or(|next| next.is_empty() || *next == "/workspace"), "{dir} is not empty: {out}");
        }
    });
}

/// [ISO-1] [ISO-3]
#[test]
fn ordinary_programs_work() {
    as_root_and_as_ordinary_user(|mut lab| {
        let out = run(
            &mut lab,
            r#"set -e
            printf '#include <stdio.h>\n#include <pthread.h>\nvoid *f(void *x) { puts("thread"); return x; }\nint main(void) { pthread_t t; pthread_create(&t, 0, f, 0); return pthread_join(t, 0); }\n' > a.c
            cc -o a a.c -lpthread && ./a
            git init -q . && git -c user.name=x -c user.email=x@x commit -q --allow-empty -m x && git log --oneline | wc -l
            /usr/bin/python3 -c 'import socket, threading, multiprocessing
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen()
c = socket.create_connection(s.getsockname()); a, _ = s.accept(); c.send(b"loopback"); print(a.recv(9).decode())
q = multiprocessing.Value("i", 41)
p = multiprocessing.Process(target=lambda: setattr(q, "value", q.value + 1)); p.start(); p.join(); print(q.value)'
            echo out > /dev/stdout; echo err > /dev/stderr
            ps -e | wc -l
            echo shared > /dev/shm/x; cat /dev/shm/x; echo t > /tmp/x; echo r > /run/x
            head -c 4 /dev/urandom | wc -c; script -qc 'tty' /dev/null | grep -c /dev/pts"#,
        );
        let words: Vec<&str> = out.split_whitespace().collect();
        assert_eq!(words, ["thread", "1", "loopback", "42", "out", "5", "shared", "4", "1", "err"], "{out}");
    });
}

/// [ISO-1] [ISO-6]
#[test]
fn canaries_all_over_the_host_are_not_found() {
    as_root_and_as_ordinary_user(|mut lab| {
        let name = format!("canary-{}-{}", std::process::id(), lab.launcher.id());
        let planted: Vec<_> = ["/home", "/root", "/var/lib", "/srv", "/opt", "/mnt", "/tmp", "/etc", "/dev/shm", "/run", "/var/tmp"]
            .into_iter()
            .map(|dir| Path::new(dir).join(&name))
            .filter(|path| std::fs::write(path, "secret").is_ok())
            .collect();
        assert!(!planted.is_empty());
        let reads: Vec<String> = planted.iter().map(|path| format!("cat {0}; cat /proc/1/root{0}; cat /proc/self/root/../../..{0};", path.display())).collect();
        let script = format!("{{ {} find / -name '{name}' ; cat {1}/jobs/*/* {1}/* ; }} 2>/dev/null; echo end", reads.join(" "), lab.dir.display());
        let out = run(&mut lab, &script);
        for path in &planted {
            let _ = std::fs::remove_file(path);
        }
        assert_eq!(out, "end\n");
    });
}

/// [ISO-3] [ISO-4]
#[test]
fn nothing_outside_is_seen_signalled_or_traced() {
    as_root_and_as_ordinary_user(|mut lab| {
        let launcher = lab.launcher.id();
        let script = format!(
            "ls /proc | grep -c '^[0-9]'; kill -0 {launcher} 2>/dev/null && echo seen; kill -9 1 2>/dev/null; kill -STOP 1 2>/dev/null; cat /proc/1/environ /proc/1/maps 2>/dev/null | head -c 100; ls -A /proc/1/fd; ls /proc/1/cwd/ 2>/dev/null; \
             readlink /proc/1/exe; grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status | tr -d '\\n\\t'; echo; cat /proc/self/cgroup | grep -v ':/$' | grep -v '/\\.\\.' ; ls /sys/fs/cgroup 2>/dev/null; echo end"
        );
        let out = run(&mut lab, &script);
        let zero = "0000000000000000";
        let lines: Vec<&str> = out.lines().collect();
        assert!(lines[0].parse::<u32>().is_ok_and(|count| count <= 4), "{out}");
        assert_eq!(lines[1], format!("CapInh:{zero}CapPrm:{zero}CapEff:{zero}CapBnd:{zero}CapAmb:{zero}NoNewPrivs:1Seccomp:2"), "{out}");
        assert_eq!(lines[2..], ["end"], "{out}");
    });
}

const PROBE: &str = r"
import ctypes, os, socket, errno, platform
libc = ctypes.CDLL(None, use_errno=True)
x = platform.machine() == 'x86_64'
calls = dict(mount=(165,40), umount2=(166,39), pivot_root=(155,41), chroot=(161,51), unshare=(272,97), setns=(308,268), ptrace=(101,117), bpf=(321,280), perf_event_open=(298,241),
  userfaultfd=(323,282), keyctl=(250,219), add_key=(248,217), request_key=(249,218), io_uring_setup=(425,425), kexec_load=(246,104), init_module=(175,105), finit_module=(313,273), delete_module=(176,106),
  open_by_handle_at=(304,265), name_to_handle_at=(303,264), quotactl=(179,60), acct=(163,89), swapon=(167,224), swapoff=(168,225), reboot=(169,142), settimeofday=(164,170), clock_settime=(227,112),
  process_vm_readv=(310,270), process_vm_writev=(311,271), fsopen=(430,430), fsmount=(432,432), open_tree=(428,428), move_mount=(429,429), mount_setattr=(442,442), pidfd_getfd=(438,438), syslog=(103,116),
  sethostname=(170,161), kcmp=(312,272), fanotify_init=(300,262))
for name, numbers in sorted(calls.items()):
    ctypes.set_errno(0)
    r = libc.syscall(numbers[0 if x else 1], 0x10000000, 0, 0, 0, 0)
    if (r, ctypes.get_errno()) != (-1, errno.EPERM): print('call', name, r, ctypes.get_errno())
if x:
    for name, n in dict(iopl=172, ioperm=173, modify_ldt=154).items():
        r = libc.syscall(n, 3, 0, 0)
        if (r, ctypes.get_errno()) != (-1, errno.EPERM): print('call', name, r, ctypes.get_errno())
    r = libc.syscall(0x40000000 + 39)
    if (r, ctypes.get_errno()) != (-1, errno.ENOSYS): print('x32', r, ctypes.get_errno())
r = libc.syscall(435, 0, 88)
if (r, ctypes.get_errno()) != (-1, errno.ENOSYS): print('clone3', r, ctypes.get_errno())
for flag in (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000):
    r = libc.syscall(56 if x else 220, flag | 17, 0, 0, 0, 0)
    if r == 0: os._exit(0)
    if (r, ctypes.get_errno()) != (-1, errno.EPERM): print('clone', hex(flag), r, ctypes.get_errno())
for family in (17, 38, 40, 15, 29, 30, 31, 3, 4, 5, 9, 21, 44):
    try: socket.socket(family, socket.SOCK_RAW if family == 17 else socket.SOCK_STREAM); print('family', family)
    except OSError as e:
        if e.errno != errno.EAFNOSUPPORT: print('family', family, e)
for kind, protocol in ((socket.SOCK_RAW, 1), (socket.SOCK_RAW, 255)):
    try: socket.socket(socket.AF_INET, kind, protocol); print('raw')
    except PermissionError: pass
try: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4); print('netlink')
except OSError: pass
for address in ('127.0.0.1', '169.254.169.254', '10.0.0.1'):
    s = socket.socket(); s.settimeout(2)
    try: s.connect((address, @PORT@)); print('connected', address)
    except OSError: pass
s = socket.socket(socket.AF_UNIX)
try: s.connect('\0@NAME@'); print('abstract')
except OSError: pass
for path, mode in (('/proc/sysrq-trigger', 'w'), ('/proc/kcore', 'rb'), ('/proc/sys/kernel/core_pattern', 'w'), ('/dev/kmsg', 'r'), ('/dev/mem', 'rb'), ('/proc/kmsg', 'r'), ('/dev/vda', 'rb'), ('/proc/sys/kernel/hostname', 'w'), ('/etc/passwd', 'a'), ('/usr/x', 'w'), ('/x', 'w'), ('/etc/shadow', 'r'), ('/sys/fs/cgroup/cgroup.procs', 'w')):
    try: open(path, mode); print('opened', path)
    except OSError: pass
try: os.mknod('/workspace/d', 0o60666, os.makedev(254, 0)); print('mknod')
except PermissionError: pass
for call in (lambda: os.setuid(0), lambda: os.setresuid(0, 0, 0), lambda: os.setgroups([0]), lambda: os.chown('/workspace', 0, 0)):
    try: call(); print('became')
    except OSError: pass
if libc.personality(0x0040000) != -1: print('personality')
r, w = os.openpty()
if libc.ioctl(w, 0x5412, b'x') != -1: print('TIOCSTI')
for fd in range(3, 64):
    if fd in (r, w): continue
    try:
        t = os.readlink('/proc/self/fd/%d' % fd)
        if not t.startswith(('socket:', '/proc/')): print('fd', fd, t)
    except OSError: pass
print('end')
";

/// [ISO-1] [ISO-2] [ISO-3] [ISO-4]
#[test]
fn a_hostile_job_is_refused_everything_on_either_network() {
    as_root_and_as_ordinary_user(|mut lab| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("listen");
        let port = listener.local_addr().expect("address").port();
        let name = format!("supervisor-test-{}", lab.launcher.id());
        let address = <std::os::unix::net::SocketAddr as std::os::linux::net::SocketAddrExt>::from_abstract_name(&name).expect("a name");
        let _abstract = std::os::unix::net::UnixListener::bind_addr(&address).expect("listen");
        for network in [Network::None, Network::Host] {
            let probe = PROBE.replace("@PORT@", &port.to_string()).replace("@NAME@", &name);
            let mut launch = enclosed(lab.job(&["/usr/bin/python3", "-c", &probe]));
            launch.sandbox.as_mut().expect("a sandbox").network = network.into();
            // Older kernels cannot hide the abstract sockets of a network that is shared.
            if network == Network::Host && lab.hello.host.as_ref().is_some_and(|host| host.landlock_abi < 6) {
                assert_eq!(lab.try_launch(launch).expect_err("a refusal").stage, "sandbox");
                continue;
            }
            let out = finish(&mut lab, launch);
            let expected = if network == Network::None { "end\n" } else { "connected 127.0.0.1\nend\n" };
            assert_eq!(out, expected);
        }
    });
}

/// [ISO-3]
#[test]
fn setuid_programs_give_nothing() {
    as_root_and_as_ordinary_user(|mut lab| {
        let out = run(&mut lab, "cp /usr/bin/id own; chmod 6755 own; ./own -u; ./own -ru; mount -t tmpfs x /tmp; su -c id root < /dev/null; sudo -n id");
        assert!(out.starts_with("1000\n1000\n") && !out.contains("uid=0"), "{out}");
    });
}

/// [ISO-4] [KILL-4]
#[test]
fn a_job_that_kills_all_it_can_reach_kills_only_itself() {
    as_root_and_as_ordinary_user(|mut lab| {
        let launch = enclosed(lab.shell("sleep 1000 & kill -9 -1; kill -9 1; kill -9 $$"));
        let job = lab.run(launch);
        let result = job.audit();
        assert_eq!(result.cause(), EndCause::Unspecified);
        assert!(matches!(result.outcome, Some(result::Outcome::Signal(libc::SIGKILL))), "{result:?}");
        assert_nothing_left(&lab, &job);
        assert_eq!(run(&mut lab, "echo next"), "next\n");
    });
}

/// [KILL-1] [ISO-5]
#[test]
fn stop_ends_what_left_every_session() {
    as_root_and_as_ordinary_user(|mut lab| {
        let launch = enclosed(lab.shell("trap : TERM; for i in 1 2 3 4 5; do setsid sh -c 'trap : TERM; (setsid sleep 1000 &) ; while :; do sleep 100; done' & done; echo ready; while :; do sleep 100; done"));
        let job = lab.launch(launch);
        assert_eq!(job.first_line(), "ready");
        let below = harness::descendants_of(job.shim);
        assert!(below.len() >= 6);
        let mut connection = job.connect();
        connection.stop(0);
        let result = connection.ended().expect("the end");
        assert_eq!(result.cause(), EndCause::StopRequested);
        assert!(below.iter().all(|pid| !harness::alive(*pid)));
        assert_nothing_left(&lab, &job);
    });
}

/// [RUN-3] [ISO-5]
#[test]
fn a_shim_that_is_killed_takes_the_sandbox_with_it() {
    as_root_and_as_ordinary_user(|mut lab| {
        let launch = enclosed(lab.shell("(setsid sleep 1000 &); echo ready; exec sleep 1000"));
        let job = lab.launch(launch);
        assert_eq!(job.first_line(), "ready");
        let below = harness::descendants_of(job.shim);
        worker_supervisor::sys::signal::send(job.shim, libc::SIGKILL).expect("kill");
        wait_for("the job to go", || below.iter().all(|pid| !harness::alive(*pid)).then_some(()));
        assert_nothing_left(&lab, &job);
        assert!(job.result().is_none());
    });
}

/// [SUB-6]
#[test]
fn what_is_missing_inside_is_told_with_stage_and_errno() {
    as_root_and_as_ordinary_user(|mut lab| {
        let launch = enclosed(lab.job(&["no-such-program"]));
        let job = lab.run(launch);
        assert_eq!(start_failed(&job), StartFailed { stage: "exec".to_owned(), errno: libc::ENOENT, subject: b"no-such-program".to_vec() });
        assert_nothing_left(&lab, &job);
        let launch = Launch { cwd: lab.dir.as_os_str().as_encoded_bytes().to_vec(), ..enclosed(lab.job(&["true"])) };
        let subject = launch.cwd.clone();
        let job = lab.run(launch);
        assert_eq!(start_failed(&job), StartFailed { stage: "chdir".to_owned(), errno: libc::ENOENT, subject });
        assert_nothing_left(&lab, &job);
    });
}

/// [ISO-6]
#[test]
fn binds_show_what_policy_names_and_no_link_leads_out() {
    as_root_and_as_ordinary_user(|mut lab| {
        let shared = lab.dir.join("shared");
        std::fs::create_dir_all(shared.join("deep/er")).expect("mkdir");
        std::fs::write(shared.join("deep/er/file"), "content\n").expect("write");
        std::fs::write(shared.join("single"), "one\n").expect("write");
        symlink("/etc", shared.join("out")).expect("symlink");
        for path in [&shared, &shared.join("deep"), &shared.join("deep/er")] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).expect("chmod");
        }
        for target in ["/data", "/data/set/one", "/opt/tool", "/var/cache/x", "/home/me", "/workspace/in/side", "/tmp/x", "/srv"] {
            let script = format!(
                "cat {target}/deep/er/file; touch {target}/deep/x 2>/dev/null && echo wrote; ls -d /usr/bin /etc/passwd /dev/null /proc/self /var/tmp/ > /dev/null; touch /workspace/w /tmp/w /run/w /dev/shm/w; id -un"
            );
            let launch = with_bind(enclosed(lab.shell(&script)), &shared, "", target, false);
            assert_eq!(finish(&mut lab, launch), "content\nworker\n", "{target}");
        }
        let launch = with_bind(
            enclosed(lab.shell("touch /data/x && echo wrote; cat /one /data2/a/deep/er/file /data2/b/single; touch /y /data2/y 2>/dev/null")),
            &shared,
            "deep/er",
            "/data",
            true,
        );
        let launch = with_bind(launch, &shared, "single", "/one", false);
        let launch = with_bind(launch, &shared, "", "/data2/a", false);
        let launch = with_bind(launch, &shared, "", "/data2/b", false);
        assert_eq!(finish(&mut lab, launch), "wrote\none\ncontent\none\n");
        assert!(shared.join("deep/er/x").exists());
        for (path, errno) in [("out", libc::ELOOP), ("out/ssl", libc::ELOOP), ("missing", libc::ENOENT)] {
            let launch = with_bind(enclosed(lab.shell("true")), &shared, "deep", "/fine", false);
            let launch = with_bind(launch, &shared, path, "/data", false);
            let job = lab.run(launch);
            let subject = [shared.as_os_str().as_encoded_bytes(), b"/", path.as_bytes()].concat();
            assert_eq!(start_failed(&job), StartFailed { stage: "bind".to_owned(), errno, subject });
            assert_nothing_left(&lab, &job);
        }
        // The binds are gone with their jobs; what they showed is not.
        assert!(shared.join("deep/er/file").exists());
    });
}

/// [ISO-5]
#[test]
fn workspaces_are_removed_whatever_a_job_made_of_them() {
    as_root_and_as_ordinary_user(|mut lab| {
        let outside = lab.dir.join("outside");
        std::fs::create_dir(&outside).expect("mkdir");
        std::fs::write(outside.join("kept"), "kept").expect("write");
        let script = format!(
            "/usr/bin/python3 -c 'import os\nfor i in range(800):\n os.mkdir(\"d\" * 200); os.chdir(\"d\" * 200)\nopen(\"f\", \"w\")\n'; ln -s {0} l; ln -s {0}/kept m; mkdir -p a/b/c .1 .2/x; touch a/b/c/f a/b/g .2/x/y; mkfifo p; \
             for i in $(seq 2000); do : > f$i; done; chmod 000 a/b/c a/b a; chmod 555 .2/x .2; chmod 000 .; echo made",
            outside.display()
        );
        assert_eq!(run(&mut lab, &script), "made\n");
        assert!(outside.join("kept").exists());
        assert_eq!(std::fs::read_dir(lab.dir.join("work")).expect("work").count(), 0);
    });
}

/// [ISO-5] [RUN-6]
#[test]
fn a_launcher_removes_the_workspaces_of_jobs_whose_shim_and_guard_are_gone() {
    as_root_and_as_ordinary_user(|mut lab| {
        let launch = enclosed(lab.shell("echo ready; exec sleep 1000"));
        let job = lab.launch(launch);
        assert_eq!(job.first_line(), "ready");
        let living = enclosed(lab.shell("echo ready; sleep 1000"));
        let living = lab.launch(living);
        assert_eq!(living.first_line(), "ready");
        let guard = harness::parent(job.shim);
        for pid in [guard, job.shim] {
            worker_supervisor::sys::signal::send(pid, libc::SIGKILL).expect("kill");
        }
        wait_for("the shim to go", || (!harness::alive(job.shim)).then_some(()));
        let works = || std::fs::read_dir(lab.dir.join("work")).expect("work").count();
        assert_eq!(works(), 2);
        let uid = std::fs::metadata(&lab.dir).expect("stat").uid();
        let (mut second, core) = harness::spawn_launcher(&lab.dir, (uid != 0).then_some(uid));
        wait_for("the workspace to go", || (works() == 1).then_some(()));
        drop(core);
        second.wait().expect("wait");
        let mut connection = living.connect();
        connection.stop(0);
        connection.ended().expect("the end");
        assert_nothing_left(&lab, &living);
    });
}

/// [ISO-7]
#[test]
fn binds_that_make_no_sense_are_refused_and_nothing_is_made() {
    let mut lab = Lab::new();
    let launch = with_bind(enclosed(lab.shell("true")), Path::new("/usr"), "../etc", "/x", false);
    let refused = lab.try_launch(launch).expect_err("refused");
    assert_eq!(refused.reason(), RefusalReason::Invalid);
    assert_eq!(std::fs::read_dir(lab.dir.join("jobs")).expect("jobs").count(), 0);
    assert_eq!(std::fs::read_dir(lab.dir.join("work")).expect("work").count(), 0);
}
