//! The cgroup that counts a sandbox's memory, and that its shim keeps for the next.

mod harness;

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use harness::{Job, Lab, enclosed, lab_of_sandboxes, run_short, served_again, wait_for};
use worker_supervisor::sys::signal;
use worker_supervisor::wire::v1::{EndCause, Launch, ResourceLimits};

fn lab_of_old_cgroups() -> Option<Lab> {
    let lab = lab_of_sandboxes()?;
    if lab.controller("memory").is_some_and(|(version, _)| version == 1) {
        return Some(lab);
    }
    eprintln!("skipped: no memory controller of version 1, and no other is kept");
    None
}

/// With so many MiB of memory.
fn limited(lab: &mut Lab, mebibytes: u64, script: &str) -> Launch {
    Launch { limits: Some(ResourceLimits { memory_bytes: mebibytes << 20, ..ResourceLimits::default() }), ..enclosed(lab.shell(script)) }
}

/// What is kept now, each with the number that no other has.
fn kept(lab: &Lab) -> Vec<(PathBuf, u64)> {
    let numbered = lab.cgroups().into_iter().filter_map(|path| Some((path.clone(), std::fs::metadata(path).ok()?.ino())));
    numbered.filter(|(path, _)| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"kept."))).collect()
}

fn keeps_one(lab: &Lab, shim: i32) -> bool {
    kept(lab).iter().any(|(path, _)| path.ends_with(format!("kept.{shim}")))
}

/// [ISO-5]
#[test]
fn a_cgroup_passes_to_the_next_job_and_counts_for_that_one_alone() {
    let Some(mut lab) = lab_of_old_cgroups() else { return };
    let peak = |job: &Job| job.audit().usage.expect("usage").peak_memory_bytes;
    wait_for("one cgroup to serve two jobs", || {
        let mut before = Vec::new();
        let ((big, _), (small, _)) = served_again(
            &mut lab,
            |lab| limited(lab, 256, "dd if=/dev/zero of=/dev/null bs=32M count=1 status=none"),
            |lab| {
                before = kept(lab);
                limited(lab, 256, "exit 0")
            },
        );
        assert!(peak(&big) > 32 << 20, "{}", peak(&big));
        assert!(peak(&small) < 8 << 20, "{}", peak(&small));
        // The shim may have left meanwhile.
        kept(&lab).iter().any(|now| before.contains(now)).then_some(())
    });
}

/// [ISO-5]
#[test]
fn a_cgroup_that_is_not_as_good_as_new_or_has_other_limits_passes_to_nobody() {
    let Some(mut lab) = lab_of_old_cgroups() else { return };
    let cases = [
        ("memory ran out", 64, "exec dd if=/dev/zero of=/dev/null bs=100M count=1 status=none", EndCause::OutOfMemory),
        ("pages are left", 256, "exec dd if=/dev/zero of=/workspace/file bs=1M count=8 status=none", EndCause::Unspecified),
        ("it is too small to miss what the dead leave", 32, "exit 0", EndCause::Unspecified),
    ];
    for (what, mebibytes, script, cause) in cases {
        let (_, (job, _)) = served_again(&mut lab, |lab| limited(lab, 256, "exit 0"), |lab| limited(lab, mebibytes, script));
        assert_eq!(job.audit().cause(), cause, "{what}: {}", job.stderr());
        assert!(!keeps_one(&lab, job.shim), "{what}");
    }
    let mut before = Vec::new();
    served_again(
        &mut lab,
        |lab| limited(lab, 256, "exit 0"),
        |lab| {
            before = kept(lab);
            limited(lab, 128, "exit 0")
        },
    );
    assert!(!kept(&lab).iter().any(|now| before.contains(now)), "its limit was another");
}

/// [ISO-5] [RUN-3]
#[test]
fn what_a_shim_kept_goes_with_it() {
    let Some(mut lab) = lab_of_old_cgroups() else { return };
    for kills in [false, true] {
        let shim = wait_for("a shim that keeps a cgroup", || {
            let launch = limited(&mut lab, 256, "exit 0");
            let shim = run_short(&mut lab, launch)?.0.shim;
            keeps_one(&lab, shim).then_some(shim)
        });
        if kills {
            signal::send(shim, libc::SIGKILL).expect("kill");
        }
        wait_for("what was kept to go", || (!keeps_one(&lab, shim)).then_some(()));
    }
}
