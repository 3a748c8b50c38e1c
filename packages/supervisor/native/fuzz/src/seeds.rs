//! Inputs to begin with: the shared vectors, and what must never be forgotten again under `regressions/`.

use std::fs;
use std::path::Path;

use worker_supervisor::wire::encode;
use worker_supervisor::wire::v1::{Bind, Identity, Launch, LauncherRequest, Network, ResourceLimits, Sandbox, User, identity::Who, launcher_request};

/// Requests to the launcher, cut in several ways.
#[must_use]
pub fn launcher_requests() -> Vec<Vec<u8>> {
    let mut seeds = wire("LauncherRequest");
    for who in [Who::Own(true), Who::User(User { uid: 1000, gid: 1000, groups: vec![1, 2] })] {
        let mut frame = vec![100];
        encode(&LauncherRequest { sequence: 7, request: Some(launcher_request::Request::Launch(enclosed(who))) }, &mut frame);
        seeds.push(frame);
    }
    seeds
}

/// A launch with everything in it.
fn enclosed(who: Who) -> Launch {
    let bind = |path: &[u8], writable| Bind { root: b"/srv".to_vec(), path: path.to_vec(), target: b"/data".to_vec(), writable };
    Launch {
        job_id: "01890a5d-ac96-774b-bcce-b302099a8057".to_owned(),
        argv: vec![b"true".to_vec()],
        cwd: b"/workspace".to_vec(),
        output_bytes: 1,
        identity: Some(Identity { who: Some(who) }),
        limits: Some(ResourceLimits {
            memory_bytes: 1 << 30,
            processes: 100,
            cpu_weight: 100,
            cpu_millis: 1500,
            open_files: 1024,
            file_size_bytes: 1 << 40,
            io_read_bytes_per_second: 1 << 20,
            io_write_bytes_per_second: 1,
            best_effort: true,
        }),
        sandbox: Some(Sandbox { network: Network::None.into(), binds: vec![bind(b"", false), bind(b"a/b", true)] }),
        ..Launch::default()
    }
}

/// Requests to a shim, cut in several ways.
#[must_use]
pub fn shim_requests() -> Vec<Vec<u8>> {
    wire("ShimRequest")
}

/// Output files as they are, and scripts of frames.
#[must_use]
pub fn output_files() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/output");
    let mut seeds: Vec<Vec<u8>> = files(&folder, ".bin").into_iter().map(|file| [&[0][..], &file].concat()).collect();
    seeds.push(b"\x01\x00\x03\x00\x00abc\x01\x01\x03\x00d\x02\x10\x04\x000123456789abcdef".to_vec());
    seeds.push(b"\x01\x93\x03\x00\x01abc".to_vec());
    seeds
}

/// A limit reached, a disk that fills up and is emptied, and neither.
#[must_use]
pub fn writer_scripts() -> Vec<Vec<u8>> {
    vec![
        vec![0xff, 0xff, 0, 10, 8, 20, 5, 0],
        vec![20, 0, 0, 10, 8, 20, 0, 3, 5, 0],
        vec![0xff, 0xff, 0, 10, 6, 40, 8, 20, 0, 1, 7, 0, 0, 4],
        vec![30, 0, 6, 5, 0, 10, 6, 70, 0, 10, 8, 30, 7, 0, 8, 30],
    ]
}

fn wire(message: &str) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/wire.json")).expect("the shared vectors");
    let marker = format!("\"worker.supervisor.v1.{message}\"");
    let frames: Vec<Vec<u8>> = text.split('}').filter(|entry| entry.contains(&marker)).filter_map(frame_of).collect();
    assert!(!frames.is_empty(), "no {message} in the shared vectors");
    let mut seeds: Vec<Vec<u8>> = frames.iter().map(|frame| [&[200][..], frame].concat()).collect();
    seeds.push([&[3][..], &frames.concat()].concat());
    seeds
}

/// The entries are written by `tests/vectors` of the supervisor: one `"frame": "hex"` each.
fn frame_of(entry: &str) -> Option<Vec<u8>> {
    let hex = entry.split_once("\"frame\": \"")?.1.split_once('"')?.0;
    hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// The bytes of each file of a folder whose name ends so, in the order of their names.
#[must_use]
pub fn files(folder: &Path, ending: &str) -> Vec<Vec<u8>> {
    let mut paths: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths.iter().filter(|path| path.to_string_lossy().ends_with(ending)).map(|path| fs::read(path).expect("readable")).collect()
}
