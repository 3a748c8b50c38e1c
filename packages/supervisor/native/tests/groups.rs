//! What the groups of an ordinary user's server are good for in its sandboxes.

mod harness;

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::Command;

use harness::{Lab, NOBODY, enclosed, finish, is_root, temp_dir, with_bind};

/// Nobody else's.
const GROUP: u32 = 1_991_000_001;
/// Looks through all that a sandbox has but programs and processes for what its group alone lets it read or write, and then into the directory that is bound.
const LOOK: &str = "find / \\( -path /usr -o -path /proc -o -path /sys \\) -prune -o ! -type l ! -user \"$(id -un)\" \\( -perm -g=r ! -perm -o=r -o -perm -g=w ! -perm -o=w \\) -print; \
                    grep -h . /bound/of-group";

/// An ordinary user's launcher with a group beside its own, and perhaps a capability.
fn lab_with_group(capability: Option<&str>) -> Lab {
    let flags = capability.map_or(String::new(), |name| format!("--inh-caps +{name} --ambient-caps +{name}"));
    let become_user = format!("chown {NOBODY}:{NOBODY} \"$4\"; exec setpriv --reuid {NOBODY} --regid {NOBODY} --groups {GROUP} {flags} \"$@\"");
    Lab::within(&["sh", "-c", &become_user, "sh"])
}

/// A directory that all may enter, with a file that only the group may read.
fn file_of_group() -> PathBuf {
    let dir = temp_dir();
    let file = dir.join("of-group");
    std::fs::write(&file, "of the group\n").expect("write");
    chown(&file, Some(0), Some(GROUP)).expect("chown");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).expect("chmod");
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755)).expect("chmod");
    dir
}

/// What a sandboxed job finds.
fn found(lab: &mut Lab, bound: &std::path::Path) -> String {
    let launch = with_bind(enclosed(lab.shell(LOOK)), bound, "", "/bound", false);
    finish(lab, launch)
}

/// [ISO-1]
#[test]
fn a_group_of_the_server_lets_a_sandbox_read_what_policy_binds_for_it_and_nothing_else_and_is_given_up_where_that_is_allowed() {
    if !is_root() {
        eprintln!("skipped: only root can give a server a group");
        return;
    }
    if !Command::new("setpriv").args(["--groups", &GROUP.to_string(), "true"]).status().is_ok_and(|status| status.success()) {
        eprintln!("skipped: no setpriv that works");
        return;
    }
    let bound = file_of_group();
    let mut lab = lab_with_group(None);
    if !lab.hello.host.as_ref().and_then(|host| host.sandbox.as_ref()).is_some_and(|sandbox| sandbox.done) {
        eprintln!("skipped: no sandbox for an ordinary user here");
        return;
    }
    assert_eq!(found(&mut lab, &bound), "/bound/of-group\nof the group\n");
    drop(lab);
    let mut lab = lab_with_group(Some("setgid"));
    assert_eq!(found(&mut lab, &bound), "/bound/of-group\ngrep: /bound/of-group: Permission denied\n");
    drop(lab);
    std::fs::remove_dir_all(bound).expect("rm");
}
