//! Paths of the host in a sandbox. They are found before the host is left, each as a mount of its own that nobody sees yet, and put in place inside.

use std::borrow::Cow;
use std::ffi::{CStr, CString, OsStr};
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use super::failed::Failed;
use super::graft::Graft;
use super::plan::Bind;
use crate::sys::{dir, errno, mount, namespace};

/// What will be mounted.
pub struct Tree {
    mount: OwnedFd,
    is_dir: bool,
}

/// Finds what is to be shown. Who is not root may bind only within a mount namespace of their own, and gets a copy of the host's.
pub fn collect(binds: &[Bind], ordinary: bool) -> Result<Vec<Tree>, Failed> {
    if !binds.is_empty() && ordinary {
        namespace::leave(libc::CLONE_NEWNS).map_err(super::failed::at("unshare mount"))?;
    }
    binds.iter().enumerate().map(|(index, bind)| collect_one(bind).map_err(|error| failed(index, &error))).collect()
}

fn collect_one(bind: &Bind) -> io::Result<Tree> {
    // Policy's own path may lead over links; what is below it may not.
    let root = fs::File::options().read(true).custom_flags(libc::O_PATH).open(as_path(&bind.root))?;
    let place = dir::open_below(root.as_fd(), &bind.path).or_else(|error| {
        // Nothing is below a file, and "." of it neither.
        if bind.path.is_empty() && errno(&error) == libc::ENOTDIR { root.as_fd().try_clone_to_owned() } else { Err(error) }
    })?;
    let kind = fs::File::from(place.try_clone()?).metadata()?.file_type();
    // A socket or pipe of the host would be a way out, a device more than that.
    if kind.is_socket() || kind.is_fifo() || kind.is_char_device() || kind.is_block_device() {
        return Err(io::Error::from_raw_os_error(libc::EACCES));
    }
    let tree = mount::clone_tree(place.as_fd())?;
    let read_only = if bind.writable { 0 } else { mount::READ_ONLY };
    mount::narrow(tree.as_fd(), mount::NO_SUID | mount::NO_DEVICES | read_only, true)?;
    Ok(Tree { mount: tree, is_dir: kind.is_dir() })
}

/// Puts all in place, in order.
pub fn attach(binds: &[Bind], trees: &[Tree]) -> Result<(), Failed> {
    let mut graft = Graft::default();
    for (index, (bind, tree)) in binds.iter().zip(trees).enumerate() {
        attach_one(&mut graft, as_path(&bind.target), tree).map_err(|error| failed(index, &error))?;
    }
    graft.finish().map_err(|error| failed(0, &error))
}

fn attach_one(graft: &mut Graft, target: &Path, tree: &Tree) -> io::Result<()> {
    graft.make_place(target, tree.is_dir)?;
    // A path that begins with more than one slash is as absolute as any.
    let target = target.as_os_str().as_bytes();
    let below = CString::new(&target[target.iter().take_while(|byte| **byte == b'/').count()..])?;
    let root = fs::File::open("/")?;
    let place = dir::open_below(root.as_fd(), &below)?;
    mount::attach(tree.mount.as_fd(), place.as_fd())
}

fn as_path(text: &CStr) -> &Path {
    Path::new(OsStr::from_bytes(text.to_bytes()))
}

fn failed(index: usize, error: &io::Error) -> Failed {
    Failed { step: Cow::Borrowed("bind"), bind: Some(u8::try_from(index).unwrap_or(u8::MAX)), errno: errno(error) }
}
