//! Drives the real binary over its real sockets: a launcher of its own in a state directory of its own for each test. A lab that goes out of scope proves that no process of
//! it is left, neither ours nor a job's.

#![allow(dead_code, unused_imports, missing_docs)]

mod deadlines;
mod disk;
mod enclosed;
mod eventually;
mod freezer;
mod job;
mod processes;
mod short;
mod spawn;
mod stop;

use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, chown};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus};
use std::sync::atomic::{AtomicU64, Ordering};

use prost::Message;
use worker_supervisor::wire::encode;
use worker_supervisor::wire::v1::{Launch, LaunchRefused, LauncherHello, LauncherRequest, LauncherResponse, OutputAction, launcher_request, launcher_response};

pub use deadlines::{AT_ONCE, DEADLINE};
pub use disk::SmallDisk;
pub use enclosed::{assert_nothing_left, enclosed, enclosed_fixture, finish, run_enclosed, start_failed, with_bind};
pub use eventually::{eventually, wait_for};
pub use freezer::freeze;
pub use job::{Connection, Job, parse_output};
pub use processes::{alive, descendants_of, parent, with_text};
pub use short::{SHORT, lab_of_sandboxes, run_short, served_again};
pub use spawn::{fixture, spawn_launcher};
pub use stop::{of_jobs, ready, stop_now};

use spawn::spawn_launcher_with;

static LABS: AtomicU64 = AtomicU64::new(0);

pub struct Lab {
    pub dir: PathBuf,
    pub launcher: Child,
    pub core: UnixStream,
    pub hello: LauncherHello,
    sequence: u64,
    jobs: u64,
}

/// The uid that everybody calls nobody.
pub const NOBODY: u32 = 65534;

pub fn is_root() -> bool {
    worker_supervisor::sys::process::own_uid() == 0
}

impl Lab {
    pub fn new() -> Self {
        Self::at(temp_dir(), None)
    }

    /// As an ordinary user when the tests run as root.
    pub fn as_ordinary_user() -> Self {
        let dir = temp_dir();
        if !is_root() {
            return Self::at(dir, None);
        }
        chown(&dir, Some(NOBODY), Some(NOBODY)).expect("chown");
        Self::at(dir, Some(NOBODY))
    }

    /// With more words on the launcher's command line.
    pub fn with(flags: &[&str]) -> Self {
        Self::at_with(temp_dir(), None, flags)
    }

    pub fn as_ordinary_user_with(flags: &[&str]) -> Self {
        let dir = temp_dir();
        if !is_root() {
            return Self::at_with(dir, None, flags);
        }
        chown(&dir, Some(NOBODY), Some(NOBODY)).expect("chown");
        Self::at_with(dir, Some(NOBODY), flags)
    }

    pub fn at(dir: PathBuf, uid: Option<u32>) -> Self {
        Self::at_with(dir, uid, &[])
    }

    pub fn at_with(dir: PathBuf, uid: Option<u32>, flags: &[&str]) -> Self {
        Self::greeted(dir, |dir| spawn_launcher_with(&[], dir, uid, flags))
    }

    /// Within a program that runs the rest of its command line.
    pub fn within(words: &[&str]) -> Self {
        Self::greeted(temp_dir(), |dir| spawn_launcher_with(words, dir, None, &[]))
    }

    fn greeted(dir: PathBuf, spawn: impl FnOnce(&Path) -> (Child, UnixStream)) -> Self {
        let (launcher, mut core) = spawn(&dir);
        core.set_read_timeout(Some(*DEADLINE)).expect("timeout");
        let hello = read_frame(&mut core).and_then(|bytes| LauncherResponse::decode(bytes.as_slice()).ok());
        let Some(launcher_response::Response::Hello(hello)) = hello.and_then(|response| response.response) else {
            panic!("the launcher must speak first, with a hello");
        };
        Self { dir, launcher, core, hello, sequence: 0, jobs: 0 }
    }

    /// A job that runs this, with everything else as a caller would have it by default.
    pub fn job(&mut self, argv: &[&str]) -> Launch {
        self.jobs += 1;
        Launch {
            job_id: format!("01890a5d-ac96-774b-bcce-{:012x}", self.jobs),
            argv: argv.iter().map(|word| word.as_bytes().to_vec()).collect(),
            env: vec![b"PATH=/usr/bin:/bin".to_vec(), format!("LAB={}", self.dir.display()).into_bytes()],
            cwd: b"/".to_vec(),
            wall_time_ms: 0,
            output_bytes: 1 << 30,
            output_action: OutputAction::Truncate.into(),
            drain_ms: 2000,
            ..Launch::default()
        }
    }

    pub fn shell(&mut self, script: &str) -> Launch {
        self.job(&["sh", "-c", script])
    }

    pub fn send(&mut self, launch: Launch) -> u64 {
        self.sequence += 1;
        self.ask(self.sequence, launcher_request::Request::Launch(launch));
        self.sequence
    }

    pub fn ask(&mut self, sequence: u64, request: launcher_request::Request) {
        let mut bytes = Vec::new();
        encode(&LauncherRequest { sequence, request: Some(request) }, &mut bytes);
        self.core.write_all(&bytes).expect("send");
    }

    /// The next answer; what is relayed is left to those who want it.
    pub fn answer(&mut self) -> LauncherResponse {
        loop {
            let response = self.response();
            if !matches!(response.response, Some(launcher_response::Response::Relayed(_) | launcher_response::Response::RelayEnded(_))) {
                return response;
            }
        }
    }

    /// The next word of the launcher's.
    pub fn response(&mut self) -> LauncherResponse {
        let bytes = read_frame(&mut self.core).expect("the launcher must answer");
        LauncherResponse::decode(bytes.as_slice()).expect("a response")
    }

    pub fn try_launch(&mut self, launch: Launch) -> Result<Job, LaunchRefused> {
        let id = launch.job_id.clone();
        let sequence = self.send(launch);
        let answer = self.answer();
        assert_eq!(answer.sequence, sequence, "{answer:?}");
        match answer.response {
            Some(launcher_response::Response::Launched(launched)) => Ok(Job::new(self.dir.join("jobs").join(id), launched.shim_pid)),
            Some(launcher_response::Response::Refused(refused)) => Err(refused),
            other => panic!("not an answer to a launch: {other:?}"),
        }
    }

    pub fn launch(&mut self, launch: Launch) -> Job {
        self.try_launch(launch).expect("launched")
    }

    /// Launches and waits for the end.
    pub fn run(&mut self, launch: Launch) -> Job {
        let job = self.launch(launch);
        job.end();
        job
    }

    /// Core leaves, and so does the launcher.
    pub fn leave(&mut self) -> ExitStatus {
        self.core.shutdown(std::net::Shutdown::Both).expect("shutdown");
        wait_for("the launcher to leave", || self.launcher.try_wait().expect("wait"))
    }

    /// What of cgroups the launcher can use.
    pub fn controller(&self, name: &str) -> Option<(u32, PathBuf)> {
        let host = self.hello.host.as_ref().expect("a host");
        let found = host.controllers.iter().find(|controller| controller.name == name).expect("each is told of");
        (found.version > 0).then(|| (found.version, PathBuf::from(&found.path)))
    }

    /// Whether there is this controller; says what is skipped where there is none.
    pub fn has(&self, name: &str) -> bool {
        let has = self.controller(name).is_some();
        if !has {
            eprintln!("skipped: no {name} controller that can be used here");
        }
        has
    }

    /// Where jobs have their cgroups, as far as that is there.
    pub fn bases(&self) -> Vec<PathBuf> {
        let host = self.hello.host.as_ref().expect("a host");
        let told: std::collections::BTreeSet<PathBuf> = host.controllers.iter().map(|one| PathBuf::from(&one.path)).collect();
        told.into_iter().filter(|path| path.is_dir()).collect()
    }

    /// The cgroups that jobs have now.
    pub fn cgroups(&self) -> Vec<PathBuf> {
        let below = |base: &PathBuf| std::fs::read_dir(base).into_iter().flatten().flatten().map(|entry| entry.path()).collect::<Vec<_>>();
        self.bases().iter().flat_map(below).filter(|path| path.is_dir()).collect()
    }

    pub fn starting(&self) -> Vec<String> {
        names(&self.dir.join("starting"))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.core.shutdown(std::net::Shutdown::Both);
        let marker = self.dir.display().to_string();
        let clean = std::thread::panicking() || {
            let gone = eventually(|| with_text(&marker).is_empty().then_some(()));
            let removed = eventually(|| self.bases().is_empty().then_some(()));
            gone.is_some() && removed.is_some() && names(&self.dir.join("starting")).is_empty()
        };
        let left = with_text(&marker);
        for pid in &left {
            let _ = worker_supervisor::sys::signal::send(*pid, libc::SIGKILL);
        }
        let _ = self.launcher.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
        assert!(clean || std::thread::panicking(), "processes, cgroups or files of a start are left: {left:?} {:?}", self.bases());
    }
}

pub fn as_root_and_as_ordinary_user(test: impl Fn(Lab)) {
    test(Lab::new());
    if is_root() {
        test(Lab::as_ordinary_user());
    }
}

pub fn temp_dir() -> PathBuf {
    let number = LABS.fetch_add(1, Ordering::Relaxed);
    let dir = std::env::temp_dir().join(format!("supervisor-{}-{number}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::DirBuilder::new().mode(0o700).create(&dir).expect("mkdir");
    dir
}

pub fn names(dir: &Path) -> Vec<String> {
    std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

pub fn read_frame(from: &mut impl Read) -> Option<Vec<u8>> {
    let mut prefix = [0; 4];
    from.read_exact(&mut prefix).ok()?;
    let mut bytes = vec![0; u32::from_le_bytes(prefix) as usize];
    from.read_exact(&mut bytes).ok()?;
    Some(bytes)
}
