//! What a Launch must be. Core has checked all of it for its callers; here it is checked for the file system's sake, and so that a faulty core is noticed.

use crate::wire::v1::{Bind, Launch};

// Each is a mount of its own in the job, and its number travels in a byte.
const MAX_BINDS: usize = 64;
// As the kernel takes them, the NUL at the end counted.
const MAX_PATH: usize = 4096;

/// # Errors
/// What makes no sense, for the log; never the value itself.
pub fn check(launch: &Launch) -> Result<(), &'static str> {
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
    launch.sandbox.iter().try_for_each(|sandbox| check_binds(&sandbox.binds))
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

/// The id becomes a name in the file system: nothing but this form ever does.
fn is_job_id(id: &str) -> bool {
    id.len() == 36
        && id.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::v1::Sandbox;

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
        assert_eq!(check(&launch()), Ok(()));
    }

    #[test]
    fn an_id_that_could_leave_the_state_directory_is_refused() {
        for id in ["", "../../etc", "01890A5D-AC96-774B-BCCE-B302099A8057", "01890a5d-ac96-774b-bcce-b302099a805", "01890a5d-ac96-774b-bcce-b302099a805/"] {
            assert!(check(&Launch { job_id: id.to_owned(), ..launch() }).is_err(), "{id}");
        }
    }

    /// [ISO-6]
    #[test]
    fn binds_that_could_lead_elsewhere_are_refused() {
        let with = |root: &[u8], path: &[u8], target: &[u8], count: usize| {
            let bind = Bind { root: root.to_vec(), path: path.to_vec(), target: target.to_vec(), writable: false };
            check(&Launch { sandbox: Some(Sandbox { network: 0, binds: vec![bind; count] }), ..launch() })
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

    #[test]
    fn values_that_exec_cannot_take_are_refused() {
        assert!(check(&Launch { argv: vec![], ..launch() }).is_err());
        assert!(check(&Launch { argv: vec![vec![]], ..launch() }).is_err());
        assert!(check(&Launch { argv: vec![b"a\0b".to_vec()], ..launch() }).is_err());
        assert!(check(&Launch { env: vec![b"=x".to_vec()], ..launch() }).is_err());
        assert!(check(&Launch { env: vec![b"x".to_vec()], ..launch() }).is_err());
        assert!(check(&Launch { cwd: b"relative".to_vec(), ..launch() }).is_err());
        assert!(check(&Launch { output_bytes: 0, ..launch() }).is_err());
    }
}
