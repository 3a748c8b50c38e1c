import type { Capability } from './job-runner.ts';

/** What is enforced on this host, whatever it offers beyond a Linux kernel. */
export function capabilities(): readonly Capability[] {
  return [
    { name: 'isolation.host', available: true, detail: 'jobs see the host, in a session of their own, as the user the server runs as' },
    {
      name: 'kill.sweep',
      available: true,
      detail: 'every descendant is reaped by a subreaper; a stop answers when none is left, or names those that are',
    },
    { name: 'limit.wall-time', available: true, detail: 'held by the supervisor of each job, by the monotonic clock' },
    {
      name: 'limit.output-bytes',
      available: true,
      detail: 'held by the supervisor of each job: the rest is counted and declared as a gap, or the job is stopped',
    },
  ];
}
