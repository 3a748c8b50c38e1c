//! What a Launch must be. Core has checked all of it for its callers; here it is checked for the file system's sake, and so that a faulty core is noticed.

use crate::wire::v1::{Bind, Identity, Launch, ResourceLimits, identity::Who};

// Each is a mount of its own in the job, and its number travels in a byte.
const MAX_BINDS: usize = 64;
// As the kernel takes them, the NUL at the end counted.
const MAX_PATH: usize = 4096;

// The kernel's own.
const MAX_GROUPS: usize = 65536;
const MAX_PROCESSES: u64 = 1 << 22;
const MAX_OPEN_FILES: u64 = 0x3fff_fff8;
// A shell and what it runs, hardly more.
const MIN_MEMORY: u64 = 1 << 20;
const MAX_BYTES: u64 = 1 << 62;
const MAX_CPU_MILLIS: u64 = 10_000_000;

/// Checks a request before anything is done for it.
///
/// # Errors
/// What makes no sense, for the log; never the value itself.
pub fn check(launch: &Launch, root: bool) -> Result<(), &'static str> {
    if !is_job_id(&launch.job_id) {
        return Err("job_id must be a UUID in lower case");
    }
    if launch.argv.first().is_none_or(Vec::is_empty) {
        return Err("argv must name a program");
    }
    if launch.argv.iter().chain(&launch.env).any(|text| text.contains(&0)) {
        return Err("argv and env must hold no NUL");
    }
    if launch.env.iter().any(|pair| pair.iter().position(|byte| *byte == b'=').is_none_or(|at| at == 0)) {
        return Err("each env must be NAME=value");
    }
    if launch.cwd.first() != Some(&b'/') || launch.cwd.contains(&0) {
        return Err("cwd must be an absolute path");
    }
    if launch.output_bytes == 0 {
        return Err("output_bytes must be at least 1");
    }
    check_identity(launch.identity.as_ref(), root)?;
    check_limits(launch.limits.as_ref())?;
    let Some(sandbox) = &launch.sandbox else { return Ok(()) };
    // Inside, everybody is an ordinary user; root would be that user to the host.
    let unprivileged = match launch.identity.as_ref().and_then(|identity| identity.who.as_ref()) {
        Some(Who::User(user)) => user.uid != 0 && user.gid != 0,
        Some(Who::Own(_)) => true,
        None => !root,
    };
    if !unprivileged {
        return Err("identity: a sandbox needs an ordinary user");
    }
    check_binds(&sandbox.binds)
}

fn check_binds(binds: &[Bind]) -> Result<(), &'static str> {
    if binds.len() > MAX_BINDS {
        return Err("a sandbox takes at most 64 binds");
    }
    for bind in binds {
        if bind.root.first() != Some(&b'/') || !is_plain(&bind.root) {
            return Err("the root of a bind must be an absolute path without \"..\"");
        }
        if bind.path.first() == Some(&b'/') || !is_plain(&bind.path) {
            return Err("the path of a bind must be relative to its root and without \"..\"");
        }
        if bind.target.first() != Some(&b'/') || !is_plain(&bind.target) || bind.target.iter().all(|byte| *byte == b'/') {
            return Err("the target of a bind must be an absolute path below \"/\", without \"..\"");
        }
    }
    Ok(())
}

fn is_plain(path: &[u8]) -> bool {
    path.len() < MAX_PATH && !path.contains(&0) && path.split(|byte| *byte == b'/').all(|part| part != b"..")
}

fn check_identity(identity: Option<&Identity>, root: bool) -> Result<(), &'static str> {
    match identity.map(|identity| &identity.who) {
        Some(_) if !root => Err("identity: only root may ask for one"),
        None | Some(Some(Who::Own(true))) => Ok(()),
        // The largest number means "leave as it is" to the calls that set one.
        Some(Some(Who::User(user))) if [user.uid, user.gid].iter().chain(&user.groups).all(|id| *id < u32::MAX) && user.groups.len() <= MAX_GROUPS => Ok(()),
        Some(Some(Who::User(_))) => Err("identity: no such user can be"),
        Some(_) => Err("identity must say who"),
    }
}

/// Below these nothing runs, beyond these the kernel has no number.
fn check_limits(limits: Option<&ResourceLimits>) -> Result<(), &'static str> {
    let Some(limits) = limits else { return Ok(()) };
    let outside = |value: u64, least: u64, most: u64| value != 0 && !(least..=most).contains(&value);
    if outside(limits.memory_bytes, MIN_MEMORY, MAX_BYTES) {
        return Err("memory_bytes must be at least 1 MiB");
    }
    if outside(limits.processes, 1, MAX_PROCESSES) {
        return Err("processes must be at most 4194304");
    }
    if outside(limits.cpu_weight.into(), 1, 10_000) {
        return Err("cpu_weight must be 1 to 10000");
    }
    if outside(limits.cpu_millis.into(), 1, MAX_CPU_MILLIS) {
        return Err("cpu_millis must be at most 10000000");
    }
    // Standard input, output and error, and the program itself while it is opened.
    if outside(limits.open_files, 4, MAX_OPEN_FILES) {
        return Err("open_files must be 4 to 1073741816");
    }
    if [limits.file_size_bytes, limits.io_read_bytes_per_second, limits.io_write_bytes_per_second].iter().any(|bytes| outside(*bytes, 1, MAX_BYTES)) {
        return Err("file_size_bytes and bytes per second must be below 2^62");
    }
    Ok(())
}

/// Whether it is a UUID in lower case: it becomes a name in the file system, and nothing but this form ever does.
#[must_use]
pub fn is_job_id(id: &str) -> bool {
    id.len() == 36
        && id.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::v1::{Sandbox, User};

    fn launch() -> Launch {
        Launch {
            job_id: "01890a5d-ac96-774b-bcce-b302099a8057".to_owned(),
            argv: vec![b"true".to_vec()],
            env: vec![b"A=".to_vec()],
            cwd: b"/".to_vec(),
            output_bytes: 1,
            ..Launch::default()
        }
    }

    #[test]
    fn a_request_that_makes_sense_passes() {
        assert_eq!(check(&launch(), false), Ok(()));
    }

    #[test]
    fn an_id_that_could_leave_the_state_directory_is_refused() {
        for id in ["", "../../etc", "01890A5D-AC96-774B-BCCE-B302099A8057", "01890a5d-ac96-774b-bcce-b302099a805", "01890a5d-ac96-774b-bcce-b302099a805/"] {
            assert!(check(&Launch { job_id: id.to_owned(), ..launch() }, false).is_err(), "{id}");
        }
    }

    /// [ISO-6]
    #[test]
    fn binds_that_could_lead_elsewhere_are_refused() {
        let with = |root: &[u8], path: &[u8], target: &[u8], count: usize| {
            let bind = Bind { root: root.to_vec(), path: path.to_vec(), target: target.to_vec(), writable: false };
            check(&Launch { sandbox: Some(Sandbox { network: 0, binds: vec![bind; count] }), ..launch() }, false)
        };
        assert_eq!(with(b"/data", b"a/b", b"/data/..x", 64), Ok(()));
        assert_eq!(with(b"/data", b"", b"/data", 1), Ok(()));
        assert!(with(b"/data", b"", b"/data", 65).is_err());
        for (root, path, target) in [
            (&b"data"[..], &b"a"[..], &b"/t"[..]),
            (b"/data/../etc", b"a", b"/t"),
            (b"/data", b"/etc", b"/t"),
            (b"/data", b"a/../../etc", b"/t"),
            (b"/data", b"a", b"t"),
            (b"/data", b"a", b"/"),
            (b"/data", b"a", b"/t/../etc"),
            (b"/da\0ta", b"a", b"/t"),
        ] {
            assert!(with(root, path, target, 1).is_err());
        }
        assert!(with(b"/data", &[b'a'; MAX_PATH], b"/t", 1).is_err());
    }

    /// [ISO-3]
    #[test]
    fn a_sandbox_of_root_is_refused() {
        let with = |who: Option<Who>, root: bool| {
            let identity = who.map(|who| Identity { who: Some(who) });
            check(&Launch { identity, sandbox: Some(Sandbox::default()), ..launch() }, root)
        };
        assert_eq!(with(Some(Who::Own(true)), true), Ok(()));
        assert_eq!(with(Some(Who::User(User { uid: 1, gid: 1, groups: vec![] })), true), Ok(()));
        assert_eq!(with(None, false), Ok(()));
        assert!(with(None, true).is_err());
        for (uid, gid) in [(0, 0), (0, 1), (1, 0)] {
            assert!(with(Some(Who::User(User { uid, gid, groups: vec![] })), true).is_err());
        }
    }

    #[test]
    fn values_that_exec_cannot_take_are_refused() {
        assert!(check(&Launch { argv: vec![], ..launch() }, false).is_err());
        assert!(check(&Launch { argv: vec![vec![]], ..launch() }, false).is_err());
        assert!(check(&Launch { argv: vec![b"a\0b".to_vec()], ..launch() }, false).is_err());
        assert!(check(&Launch { env: vec![b"=x".to_vec()], ..launch() }, false).is_err());
        assert!(check(&Launch { env: vec![b"x".to_vec()], ..launch() }, false).is_err());
        assert!(check(&Launch { cwd: b"relative".to_vec(), ..launch() }, false).is_err());
        assert!(check(&Launch { output_bytes: 0, ..launch() }, false).is_err());
    }
}
