//! Calls that are allowed with some arguments.

use super::program::{decide, load_argument, mask, skip_if};
use crate::sys::enclosure::Instruction;

// CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. The flags of clone3(2) lie in memory, where no filter sees them: it does not exist here.
const NAMESPACES: u32 = 0x7e02_0000;
const FAMILIES: [i32; 3] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6];
// Only what tells of interfaces and addresses (`NETLINK_ROUTE`).
const NETLINK_ROUTE: u32 = 0;
// Put typed text into somebody's terminal.
const TIOCSTI: u32 = 0x5412;
const TIOCLINUX: u32 = 0x541c;
// PER_LINUX and PER_LINUX32, each with and without UNAME26, and the question (-1): what turns off the kernel's own protections is not among them.
const PERSONALITIES: [u32; 5] = [0, 0x8, 0x2_0000, 0x2_0008, u32::MAX];

/// The test of the call of this name; ends in a return on every path.
pub fn test(name: &str) -> Vec<Instruction> {
    match name {
        "clone" => vec![load_argument(0), mask(NAMESPACES), skip_if(0, 1), decide(false, libc::EPERM), decide(true, 0)],
        "ioctl" => all_but(1, &[TIOCSTI, TIOCLINUX]),
        "personality" => none_but(0, &PERSONALITIES, libc::EPERM),
        "socket" => socket(),
        "socketpair" => none_but(0, &[libc::AF_UNIX.cast_unsigned()], libc::EAFNOSUPPORT),
        _ => vec![decide(false, libc::EPERM)],
    }
}

fn socket() -> Vec<Instruction> {
    let mut program = vec![load_argument(0)];
    // Behind the tests of the families: netlink's, the refusal (2), the allowance.
    for (at, family) in FAMILIES.iter().enumerate() {
        program.push(skip_if(family.cast_unsigned(), FAMILIES.len() - at + 4));
    }
    program.push(skip_if(libc::AF_NETLINK.cast_unsigned(), 1));
    program.push(decide(false, libc::EAFNOSUPPORT));
    program.push(load_argument(2));
    program.push(skip_if(NETLINK_ROUTE, 1));
    program.push(decide(false, libc::EPROTONOSUPPORT));
    program.push(decide(true, 0));
    program
}

fn none_but(argument: u32, values: &[u32], errno: i32) -> Vec<Instruction> {
    listed(argument, values, decide(false, errno), decide(true, 0))
}

fn all_but(argument: u32, values: &[u32]) -> Vec<Instruction> {
    listed(argument, values, decide(true, 0), decide(false, libc::EPERM))
}

fn listed(argument: u32, values: &[u32], otherwise: Instruction, if_listed: Instruction) -> Vec<Instruction> {
    let mut program = vec![load_argument(argument)];
    for (at, value) in values.iter().enumerate() {
        program.push(skip_if(*value, values.len() - at));
    }
    program.push(otherwise);
    program.push(if_listed);
    program
}
