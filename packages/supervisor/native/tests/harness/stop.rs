//! Stops a job and looks whether anything of it is left.

use std::time::Instant;

use worker_supervisor::wire::v1::{EndCause, Launch, Result as JobResult};

use super::{AT_ONCE, Job, Lab, with_text};

/// Stops without grace; the end is told in time and nothing of the job is left when it is.
pub fn stop_now(lab: &Lab, job: &Job) -> JobResult {
    let mut connection = job.connect();
    let begun = Instant::now();
    connection.stop(0);
    let result = connection.ended().expect("the end");
    let took = begun.elapsed();
    let left = of_jobs(lab);
    assert!(left.is_empty(), "left at the end: {left:?}");
    assert!(took < *AT_ONCE, "took {took:?}");
    assert_eq!(result.cause(), EndCause::StopRequested);
    assert_eq!(result.requested_by, "somebody");
    job.audit()
}

/// Living processes of the lab's jobs: they carry its mark in their environment, which launcher, guards and shims do not.
pub fn of_jobs(lab: &Lab) -> Vec<i32> {
    with_text(&format!("LAB={}", lab.dir.display()))
}

pub fn ready(lab: &mut Lab, launch: Launch) -> Job {
    let job = lab.launch(launch);
    assert_eq!(job.first_line(), "ready");
    job
}
