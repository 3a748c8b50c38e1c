//! What a Launch must be. Core has checked all of it for its callers; here it is checked for the file system's sake, and so that a faulty core is noticed.

use crate::wire::v1::Launch;

/// Checks a request before anything is done for it.
///
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
        assert_eq!(check(&launch()), Ok(()));
    }

    #[test]
    fn an_id_that_could_leave_the_state_directory_is_refused() {
        for id in ["", "../../etc", "01890A5D-AC96-774B-BCCE-B302099A8057", "01890a5d-ac96-774b-bcce-b302099a805", "01890a5d-ac96-774b-bcce-b302099a805/"] {
            assert!(check(&Launch { job_id: id.to_owned(), ..launch() }).is_err(), "{id}");
        }
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
