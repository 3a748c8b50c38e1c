//! How a job's limits are enforced here: by which cgroups, by which rlimits, and which of them not.
//!
//! IO is limited on every whole block device. Version 1 throttles what is read and what is written past the page cache; what the kernel writes back later counts for no
//! job there. The limit still counts as enforced: it bounds what reaches the device at the job's own request.

use std::ffi::CStr;

use super::hierarchy::{Cgroups, Controller};
use super::{CPU_PERIOD_US, LONG_CPU_PERIOD_US, devices};
use crate::sys::limit::Resource;
use crate::wire::v1::ResourceLimits;

/// What a file of the job's cgroup is given.
#[derive(PartialEq)]
pub struct Write {
    /// The place of its hierarchy.
    pub hierarchy: usize,
    /// The file.
    pub file: &'static CStr,
    /// What is written.
    pub value: String,
    /// The limit that it is for.
    pub field: &'static str,
    /// Whether the host may lack the file.
    pub optional: bool,
}

/// A limit that cannot be enforced.
#[derive(Debug)]
pub struct Unenforceable {
    /// The field of `ResourceLimits`.
    pub field: &'static str,
    /// Why not.
    pub errno: i32,
}

/// How one job's limits are enforced.
#[derive(Default)]
pub struct Plan {
    /// The places of the hierarchies in which it has a cgroup.
    pub uses: Vec<usize>,
    /// What is written there.
    pub writes: Vec<Write>,
    /// What each of its processes may use, and the limit that it is for.
    pub rlimits: Vec<(Resource, u64, &'static str)>,
    /// Its place in the queue for the processor.
    pub nice: Option<i32>,
    /// Limits that are not enforced in full.
    pub unenforced: Vec<&'static str>,
}

impl Plan {
    /// `counted_alone`: so many processes that are not the program's count for its user besides, or `None` when others run as the same user. `has_init`: the death of an init ends
    /// the job at one blow.
    ///
    /// # Errors
    /// The first limit that cannot be enforced, unless the best is enough.
    pub fn make(limits: &ResourceLimits, cgroups: &Cgroups, counted_alone: Option<u64>, has_init: bool) -> Result<Self, Unenforceable> {
        let mut draft = Draft { plan: Self::default(), cgroups, limits };
        draft.memory()?;
        draft.processes(counted_alone)?;
        draft.cpu()?;
        draft.io()?;
        let mut plan = draft.plan;
        for (resource, most, field) in [(Resource::OpenFiles, limits.open_files, "open_files"), (Resource::FileSize, limits.file_size_bytes, "file_size_bytes")]
        {
            if most > 0 {
                plan.rlimits.push((resource, most, field));
            }
        }
        // With controllers, cgroups of version 2 cost little, count for each job, and put it beside the others for the processor.
        let always = cgroups.hierarchies.iter().position(|hierarchy| hierarchy.version == 2 && !hierarchy.controllers.is_empty());
        // Without, one is worth its price only beside others, and to kill with.
        let killing = cgroups.killing().filter(|_| !has_init && !plan.uses.is_empty());
        for place in always.into_iter().chain(killing) {
            plan.use_hierarchy(place);
        }
        Ok(plan)
    }

    fn use_hierarchy(&mut self, place: usize) {
        if !self.uses.contains(&place) {
            self.uses.push(place);
        }
    }
}

struct Draft<'a> {
    plan: Plan,
    cgroups: &'a Cgroups,
    limits: &'a ResourceLimits,
}

impl Draft<'_> {
    fn write(&mut self, hierarchy: usize, field: &'static str, file: &'static CStr, value: String) {
        self.plan.use_hierarchy(hierarchy);
        self.plan.writes.push(Write { hierarchy, file, value, field, optional: false });
    }

    fn write_optional(&mut self, hierarchy: usize, field: &'static str, file: &'static CStr, value: String) {
        self.plan.writes.push(Write { hierarchy, file, value, field, optional: true });
    }

    /// The place and version of the hierarchy that enforces a limit, or `None` when the best is enough.
    fn enforcer(&mut self, field: &'static str, controller: Controller) -> Result<Option<(usize, u32)>, Unenforceable> {
        match self.cgroups.with(controller) {
            Some(place) => Ok(Some((place, self.cgroups.hierarchies[place].version))),
            None if self.limits.best_effort => {
                self.plan.unenforced.push(field);
                Ok(None)
            }
            None => Err(Unenforceable { field, errno: self.cgroups.refusal(controller) }),
        }
    }

    fn memory(&mut self) -> Result<(), Unenforceable> {
        const FIELD: &str = "memory_bytes";
        let bytes = self.limits.memory_bytes;
        if bytes == 0 {
            return Ok(());
        }
        match self.enforcer(FIELD, Controller::Memory)? {
            None => self.plan.rlimits.push((Resource::AddressSpace, bytes, FIELD)),
            Some((place, 1)) => {
                self.write(place, FIELD, c"memory.limit_in_bytes", bytes.to_string());
                // A kernel that does not account swap: none is given instead.
                self.write_optional(place, FIELD, c"memory.memsw.limit_in_bytes", bytes.to_string());
                self.write_optional(place, FIELD, c"memory.swappiness", "0".to_owned());
            }
            Some((place, _)) => {
                self.write(place, FIELD, c"memory.max", bytes.to_string());
                self.write_optional(place, FIELD, c"memory.swap.max", "0".to_owned());
                self.write_optional(place, FIELD, c"memory.oom.group", "1".to_owned());
            }
        }
        Ok(())
    }

    fn processes(&mut self, counted_alone: Option<u64>) -> Result<(), Unenforceable> {
        const FIELD: &str = "processes";
        let most = self.limits.processes;
        if most == 0 {
            return Ok(());
        }
        if let Some(besides) = counted_alone {
            self.plan.rlimits.push((Resource::Processes, most + besides, FIELD));
            return Ok(());
        }
        match self.enforcer(FIELD, Controller::Pids)? {
            None => self.plan.rlimits.push((Resource::Processes, most, FIELD)),
            Some((place, _)) => self.write(place, FIELD, c"pids.max", most.to_string()),
        }
        Ok(())
    }

    fn cpu(&mut self) -> Result<(), Unenforceable> {
        let (weight, millis) = (self.limits.cpu_weight, u64::from(self.limits.cpu_millis));
        if weight > 0 {
            const FIELD: &str = "cpu_weight";
            match self.enforcer(FIELD, Controller::Cpu)? {
                None => self.plan.nice = Some(nice(weight)),
                // The kernel takes no fewer than 2.
                Some((place, 1)) => self.write(place, FIELD, c"cpu.shares", (u64::from(weight) * 1024 / 100).max(2).to_string()),
                Some((place, _)) => self.write(place, FIELD, c"cpu.weight", weight.to_string()),
            }
        }
        if millis > 0 {
            const FIELD: &str = "cpu_millis";
            // The kernel gives no less than 1 ms at a time.
            let period = if millis < 10 { LONG_CPU_PERIOD_US } else { CPU_PERIOD_US };
            let quota = millis * period / 1000;
            match self.enforcer(FIELD, Controller::Cpu)? {
                None => {}
                Some((place, 1)) => {
                    self.write(place, FIELD, c"cpu.cfs_period_us", period.to_string());
                    self.write(place, FIELD, c"cpu.cfs_quota_us", quota.to_string());
                }
                Some((place, _)) => self.write(place, FIELD, c"cpu.max", format!("{quota} {period}")),
            }
        }
        Ok(())
    }

    fn io(&mut self) -> Result<(), Unenforceable> {
        let (read, write) = (self.limits.io_read_bytes_per_second, self.limits.io_write_bytes_per_second);
        for (field, bytes, key, file) in [
            ("io_read_bytes_per_second", read, "rbps", c"blkio.throttle.read_bps_device"),
            ("io_write_bytes_per_second", write, "wbps", c"blkio.throttle.write_bps_device"),
        ] {
            if bytes == 0 {
                continue;
            }
            let Some((place, version)) = self.enforcer(field, Controller::Io)? else { continue };
            for device in devices::whole() {
                match version {
                    1 => self.write(place, field, file, format!("{device} {bytes}")),
                    _ => self.write(place, field, c"io.max", format!("{device} {key}={bytes}")),
                }
            }
        }
        Ok(())
    }
}

/// The place in the queue that gives about this share beside ordinary processes: each step is worth a quarter.
fn nice(weight: u32) -> i32 {
    let steps = (f64::from(weight) / 100.0).ln() / 1.25_f64.ln();
    // Between -20 and 19 it fits.
    #[allow(clippy::cast_possible_truncation)]
    let nice = (-steps).round().clamp(-20.0, 19.0) as i32;
    nice
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: ResourceLimits = ResourceLimits {
        memory_bytes: 1 << 30,
        processes: 10,
        cpu_weight: 50,
        cpu_millis: 500,
        open_files: 64,
        file_size_bytes: 1 << 20,
        io_read_bytes_per_second: 1 << 20,
        io_write_bytes_per_second: 1 << 20,
        best_effort: false,
    };

    #[test]
    fn without_cgroups_a_limit_is_refused_by_name_or_named_as_not_enforced() {
        let none = Cgroups::default();
        assert_eq!(Plan::make(&ALL, &none, None, false).err().map(|refused| refused.field), Some("memory_bytes"));
        let plan = Plan::make(&ResourceLimits { best_effort: true, ..ALL }, &none, None, false).expect("a plan");
        let named = ["memory_bytes", "processes", "cpu_weight", "cpu_millis", "io_read_bytes_per_second", "io_write_bytes_per_second"];
        assert_eq!(plan.unenforced, named);
        let plan = Plan::make(&ResourceLimits { best_effort: true, ..ALL }, &none, Some(1), true).expect("a plan");
        assert!(!plan.unenforced.contains(&"processes"));
        assert!(plan.rlimits.contains(&(Resource::Processes, 11, "processes")));
    }

    #[test]
    fn what_each_process_is_bound_by_needs_no_cgroup() {
        let limits = ResourceLimits { open_files: 64, file_size_bytes: 1, ..ResourceLimits::default() };
        let plan = Plan::make(&limits, &Cgroups::default(), None, false).expect("a plan");
        assert!(plan.uses.is_empty() && plan.unenforced.is_empty() && plan.rlimits.len() == 2);
    }

    #[test]
    fn an_ordinary_share_keeps_the_ordinary_place() {
        assert_eq!([1, 50, 100, 200, 10_000].map(nice), [19, 3, 0, -3, -20]);
    }
}
