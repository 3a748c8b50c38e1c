//! The job's sandbox, as the shim holds it.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use super::stage::{Report, Stage};
use super::start_failed;
use crate::sandbox::{Enclosure, Failed, Outer, Plan, Prepared, workspace};
use crate::sys::{errno, fd, privilege, process};
use crate::wire::v1::{Bind, Launch, StartFailed, identity};

// Whom jobs of a root server are until each has a lease of its own.
const SHARED_UID: u32 = 1_880_000_000;

/// A sandbox under way, and what the program needs to join it.
pub struct Enclosed<'a> {
    prepared: &'a Prepared,
    plan: Plan,
    enclosure: Enclosure,
}

/// Makes it when the job wants one. `report` is where its init tells what failed.
pub fn enclose<'a>(launch: &Launch, prepared: Option<&'a Prepared>, work: BorrowedFd<'_>, report: BorrowedFd<'_>) -> Result<Option<Enclosed<'a>>, StartFailed> {
    let (Some(_), Some(prepared)) = (&launch.sandbox, prepared) else { return Ok(None) };
    let subject = &launch.argv[0];
    let outer = outer_user(launch);
    let plan = Plan::new(launch, outer).ok_or_else(|| start_failed("sandbox", &io::Error::from_raw_os_error(libc::EINVAL), subject))?;
    workspace::make(work, &launch.job_id, plan.outer()).map_err(|error| start_failed("sandbox", &error, subject))?;
    let enclosure = Enclosure::make(prepared, &plan, report, |failed| to_report(failed).to_bytes().to_vec()).map_err(|failed| StartFailed {
        stage: Stage::Sandbox.name().to_owned(),
        errno: failed.errno,
        subject: subject.clone(),
    })?;
    Ok(Some(Enclosed { prepared, plan, enclosure }))
}

/// Whom the host sees: nobody else than ourselves where we are an ordinary user.
fn outer_user(launch: &Launch) -> Option<Outer> {
    if process::own_uid() != 0 {
        return None;
    }
    match launch.identity.as_ref().and_then(|identity| identity.who.as_ref()) {
        Some(identity::Who::User(user)) => Some(Outer { uid: user.uid, gid: user.gid, groups: user.groups.clone() }),
        _ => Some(Outer { uid: SHARED_UID, gid: SHARED_UID, groups: Vec::new() }),
    }
}

impl Enclosed<'_> {
    /// Lets the job open its own output by name: a pipe that root made is root's alone.
    pub fn give(&self, pipes: [BorrowedFd<'_>; 2]) -> io::Result<()> {
        let Some(outer) = self.plan.outer() else { return Ok(()) };
        pipes.into_iter().try_for_each(|pipe| privilege::give_to(pipe, outer.uid, outer.gid))
    }

    /// In the new process: joins the sandbox.
    pub fn join(&self) -> Result<(), Report> {
        self.enclosure.join(&self.plan).map_err(|failed| to_report(&failed))
    }

    /// In the new process: gives up what is left, last of all.
    pub fn lock(&self) -> Result<(), Report> {
        crate::sandbox::lock(self.prepared).map_err(|failed| to_report(&failed))
    }

    /// The handle of its init: what kills it kills the job.
    pub fn into_init(self) -> OwnedFd {
        self.enclosure.handle
    }
}

fn to_report(failed: &Failed) -> Report {
    let stage = if failed.bind.is_some() { Stage::Bind } else { Stage::Sandbox };
    Report { stage, index: failed.bind.unwrap_or(0), errno: failed.errno }
}

/// What an init that has ended told: a fork into its namespace fails then, and says less.
pub fn told_by_init(report: BorrowedFd<'_>) -> Option<Report> {
    let mut bytes = [0; Report::LENGTH];
    match fd::read(report, &mut bytes) {
        Ok(Some(Report::LENGTH)) => Some(Report::from_bytes(bytes)),
        _ => None,
    }
}

/// A bind as a result names it: the path of the host.
pub fn source_of(bind: &Bind) -> Vec<u8> {
    if bind.path.is_empty() { bind.root.clone() } else { [&bind.root[..], b"/", &bind.path].concat() }
}

/// The failure of a fork into a sandbox.
pub fn fork_failed(error: &io::Error, told: Option<Report>, subjects: &Subjects) -> StartFailed {
    told.map_or_else(|| StartFailed { stage: "fork".to_owned(), errno: errno(error), subject: subjects.program.clone() }, |report| subjects.failed(&report))
}

/// What a failure of the start can be about.
pub struct Subjects {
    pub program: Vec<u8>,
    pub cwd: Vec<u8>,
    /// The paths of the host that are bound.
    pub binds: Vec<Vec<u8>>,
}

impl Subjects {
    pub fn of(launch: &Launch) -> Self {
        let binds = launch.sandbox.iter().flat_map(|sandbox| &sandbox.binds).map(source_of).collect();
        Self { program: launch.argv[0].clone(), cwd: launch.cwd.clone(), binds }
    }

    /// A report in the form of the result.
    pub fn failed(&self, report: &Report) -> StartFailed {
        let subject = match report.stage {
            Stage::Chdir => &self.cwd,
            Stage::Bind => self.binds.get(usize::from(report.index)).unwrap_or(&self.program),
            _ => &self.program,
        };
        StartFailed { stage: report.stage.name().to_owned(), errno: report.errno, subject: subject.clone() }
    }
}
