//! What a Launch must be. Core has checked all of it for its callers; here it is checked for the file system's sake, and so that a faulty core is noticed.

use crate::wire::v1::{Identity, Launch, ResourceLimits, identity::Who};

// The kernel's own.
const MAX_GROUPS: usize = 65536;
const MAX_PROCESSES: u64 = 1 << 22;
const MAX_OPEN_FILES: u64 = 0x3fff_fff8;
// A shell and what it runs, hardly more.
const MIN_MEMORY: u64 = 1 << 20;
const MAX_BYTES: u64 = 1 << 62;
const MAX_CPU_MILLIS: u64 = 10_000_000;

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
    check_limits(launch.limits.as_ref())
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
