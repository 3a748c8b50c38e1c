//! The job's sandbox, as the shim holds it.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use super::stage::{Report, Stage};
use super::start_failed;
use crate::identity::Identity;
use crate::limits;
use crate::sandbox::{Enclosure, Failed, Kept, Networks, Plan, Prepared};
use crate::sys::{errno, fd};
use crate::wire::v1::{Bind, Launch, StartFailed};

/// A sandbox under way, and what the program needs to join it.
pub struct Enclosed<'a> {
    prepared: &'a Prepared,
    plan: Plan,
    enclosure: Enclosure,
}

/// A sandbox that is to be made.
pub struct Unborn<'a> {
    prepared: &'a Prepared,
    plan: Plan,
    networks: &'a mut Networks,
    subject: &'a [u8],
}

/// Lays it out and makes its workspace, when the job wants one. Under root it has an identity.
pub fn enclose<'a>(
    launch: &'a Launch,
    prepared: Option<&'a Prepared>,
    kept: &'a mut Kept,
    identity: Option<&Identity>,
    work: BorrowedFd<'_>,
) -> Result<Option<Unborn<'a>>, StartFailed> {
    let Some(prepared) = prepared else { return Ok(None) };
    let subject = &launch.argv[0];
    let failed = |error: io::Error| start_failed("sandbox", &error, subject);
    let plan = Plan::new(launch, identity.cloned()).ok_or_else(|| failed(io::Error::from_raw_os_error(libc::EINVAL)))?;
    kept.workspaces.lend(work, &launch.job_id, identity, plan.may_keep(prepared)).map_err(failed)?;
    Ok(Some(Unborn { prepared, plan, networks: &mut kept.networks, subject }))
}

impl<'a> Unborn<'a> {
    /// Whether what the job leaves may be handed on to the next.
    pub fn may_keep(&self) -> bool {
        self.plan.may_keep(self.prepared)
    }

    /// Makes it. `report` is where its init tells what failed.
    pub fn enclose(self, report: BorrowedFd<'_>) -> Result<Enclosed<'a>, StartFailed> {
        let Self { prepared, plan, networks, subject } = self;
        let enclosure = Enclosure::make(prepared, &plan, networks, report, |failed| to_report(failed).to_bytes().to_vec()).map_err(|failed| StartFailed {
            stage: Stage::Sandbox.name().to_owned(),
            errno: failed.errno,
            subject: subject.to_vec(),
        })?;
        Ok(Enclosed { prepared, plan, enclosure })
    }
}

impl Enclosed<'_> {
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
pub fn fork_failed(error: &io::Error, told: Option<Report>, subjects: &Subjects, plan: &limits::Plan) -> StartFailed {
    told.map_or_else(
        || StartFailed { stage: "fork".to_owned(), errno: errno(error), subject: subjects.program.clone() },
        |report| subjects.failed(&report, plan),
    )
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
    pub fn failed(&self, report: &Report, plan: &limits::Plan) -> StartFailed {
        let subject = match report.stage {
            Stage::Chdir => &self.cwd[..],
            Stage::Limits => plan.rlimits.get(usize::from(report.index)).map_or(&self.program[..], |(_, _, field)| field.as_bytes()),
            Stage::Bind => self.binds.get(usize::from(report.index)).map_or(&self.program[..], |path| &path[..]),
            _ => &self.program,
        };
        StartFailed { stage: report.stage.name().to_owned(), errno: report.errno, subject: subject.to_vec() }
    }
}
