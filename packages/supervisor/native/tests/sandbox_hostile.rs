//! What a hostile job in a sandbox tries, and that all of it is refused.

mod harness;

use std::path::Path;

use harness::{as_root_and_as_ordinary_user, assert_nothing_left, enclosed, enclosed_fixture, finish, run_enclosed};
use worker_supervisor::wire::v1::{EndCause, Network, result};

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
        let out = run_enclosed(&mut lab, &script);
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
        let out = run_enclosed(&mut lab, &script);
        let zero = "0000000000000000";
        let lines: Vec<&str> = out.lines().collect();
        assert!(lines[0].parse::<u32>().is_ok_and(|count| count <= 4), "{out}");
        assert_eq!(lines[1], format!("CapInh:{zero}CapPrm:{zero}CapEff:{zero}CapBnd:{zero}CapAmb:{zero}NoNewPrivs:1Seccomp:2"), "{out}");
        assert_eq!(lines[2..], ["end"], "{out}");
    });
}

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
            let mut launch = enclosed_fixture(&mut lab, "intruder", &["probe", &port.to_string(), &name]);
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
        let out =
            run_enclosed(&mut lab, "cp /usr/bin/id own; chmod 6755 own; ./own -u; ./own -ru; mount -t tmpfs x /tmp; su -c id root < /dev/null; sudo -n id");
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
        assert_eq!(run_enclosed(&mut lab, "echo next"), "next\n");
    });
}
