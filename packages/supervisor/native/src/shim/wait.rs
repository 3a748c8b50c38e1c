//! The loop: waits for whatever comes next, and hands it to its phase.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::door::Door;
use super::start::{Exec, read_exec};
use super::{Phase, Program, Shim, StartedAt};
use crate::limits::OomWatch;
use crate::output::Limit;
use crate::sys::clock::unix_nanos;
use crate::sys::fd;
use crate::sys::poll::PollSet;
use crate::wire::v1::{EndCause, Started, shim_event};

/// Where in the poll set a thing is.
#[derive(Default)]
struct Places {
    children: usize,
    listener: Option<usize>,
    exec: Option<usize>,
    pipes: [Option<usize>; 2],
    memory: Option<usize>,
    first_client: usize,
}

impl Shim<'_> {
    /// Runs until the job has ended.
    pub(super) fn live(&mut self) {
        let mut polled = PollSet::default();
        while !matches!(self.phase, Phase::Ended) {
            let places = self.arm(&mut polled);
            let wait = self.next_deadline().map(|at| at.saturating_duration_since(Instant::now()));
            if polled.wait(wait).is_err() {
                // Only out of memory can bring this; the deadlines are looked at all the same, and the next round tries again.
                crate::sys::signal::wait_child(Duration::from_millis(10));
            }
            self.take_events(&polled, &places);
            self.take_deadlines();
            self.mind_door();
        }
    }

    fn arm(&self, polled: &mut PollSet) -> Places {
        polled.clear();
        let mut places = Places { children: polled.add(self.children.as_fd(), false), ..Places::default() };
        if let Door::Open(listener) = &self.door {
            places.listener = Some(polled.add(listener.as_fd(), false));
        }
        if let Phase::Starting(exec) = &self.phase {
            places.exec = Some(polled.add(exec.as_fd(), false));
        }
        for (index, place) in places.pipes.iter_mut().enumerate() {
            *place = self.pipes.end(index).map(|end| polled.add(end, false));
        }
        // Only while its cause can still be this.
        if let (Phase::Starting(_) | Phase::Running, Some(watch)) = (&self.phase, &self.memory) {
            let (source, of_changes) = watch.source();
            places.memory = Some(if of_changes { polled.add_changes(source) } else { polled.add(source, false) });
        }
        places.first_client = polled.next_place();
        for client in &self.clients {
            polled.add(client.socket(), client.wants_to_write());
        }
        places
    }

    fn take_events(&mut self, polled: &PollSet, places: &Places) {
        if places.exec.is_some_and(|place| polled.readable(place)) {
            self.settle_exec();
        }
        if places.memory.is_some_and(|place| polled.readable(place)) && self.memory.as_mut().is_some_and(OomWatch::told) {
            self.end(EndCause::OutOfMemory, "");
        }
        for (index, place) in places.pipes.iter().enumerate() {
            if place.is_some_and(|place| polled.readable(place)) {
                self.pipes.read(index, self.dir.as_fd(), &mut self.writer);
            }
        }
        if self.limit == Limit::Stop && self.writer.over_limit() {
            self.end(EndCause::OutputLimit, "");
        }
        if polled.readable(places.children) {
            // How many died is asked of the kernel, not of the queue, which holds one signal for any number of deaths.
            let _ = fd::read(self.children.as_fd(), &mut [0; 128]);
            match self.phase {
                Phase::Killing(_) => self.sweep_on(),
                _ => self.look_for_ended(),
            }
        }
        self.serve_clients(polled, places.first_client);
        if places.listener.is_some_and(|place| polled.readable(place)) {
            self.accept();
        }
        self.tell_output();
    }

    /// Learns how the exec went, once the pipe tells.
    pub(super) fn settle_exec(&mut self) {
        let Phase::Starting(exec) = &self.phase else { return };
        let Program::Alive(pid) = self.program else { return };
        match read_exec(exec.as_fd(), &self.subjects, &self.plan) {
            Exec::UnderWay => return,
            Exec::Done => {}
            Exec::Failed(failed) => {
                self.program = Program::Failed(failed);
                self.kill();
                return;
            }
        }
        self.phase = Phase::Running;
        let started = StartedAt { unix_nanos: unix_nanos(), instant: Instant::now(), pid };
        let event = shim_event::Event::Started(Started { pid, time_ns: started.unix_nanos });
        self.started = Some(started);
        self.tell_all_soon(&event);
    }

    fn next_deadline(&self) -> Option<Instant> {
        let of_phase = match &self.phase {
            Phase::Starting(_) | Phase::Running => {
                self.grace_ends.into_iter().chain(self.wall_ends()).chain(self.memory.as_ref().and_then(OomWatch::next_look)).min()
            }
            Phase::Killing(killing) => Some(killing.next_pass.min(killing.next_tell)),
            Phase::Draining(_) if self.pipes.ended() => Some(Instant::now()),
            Phase::Draining(at) | Phase::Finishing(at) => Some(*at),
            Phase::Ended => None,
        };
        of_phase.into_iter().chain(self.writer.deadline()).chain(self.door.deadline()).chain(self.tell_by).min()
    }

    fn wall_ends(&self) -> Option<Instant> {
        self.started.as_ref()?.instant.checked_add(self.wall_time?)
    }

    fn take_deadlines(&mut self) {
        let now = Instant::now();
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        self.tell_held(now);
        if due(self.writer.deadline()) {
            self.writer.write_due_gap(self.dir.as_fd());
            self.tell_output();
        }
        if due(self.memory.as_ref().and_then(OomWatch::next_look)) && self.memory.as_mut().is_some_and(OomWatch::look) {
            self.end(EndCause::OutOfMemory, "");
        }
        match &self.phase {
            Phase::Starting(_) | Phase::Running if due(self.wall_ends()) => self.end(EndCause::TimedOut, ""),
            // The cause is the stop's: it was noted then.
            Phase::Starting(_) | Phase::Running if due(self.grace_ends) => self.end(EndCause::StopRequested, ""),
            Phase::Killing(killing) if killing.next_pass.min(killing.next_tell) <= now => self.sweep_on(),
            _ => {}
        }
        if let Phase::Draining(end) = self.phase
            && (self.pipes.ended() || end <= now)
        {
            self.pipes.close(self.dir.as_fd(), &mut self.writer);
            self.phase = Phase::Finishing(now);
        }
        if let Phase::Finishing(at) = self.phase
            && at <= now
        {
            self.finish();
        }
    }
}
