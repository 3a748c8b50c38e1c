import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { processesOf } from './processes-of.ts';

/** What jobs could leave behind on a host, beside their records: each list is empty, or the same before and after. */
export interface Traces {
  /** Mounts that name the bed, in the test's own namespace or that of a process of the bed. */
  readonly mounts: readonly string[];
  /** Cgroups of jobs, wherever they are. */
  readonly cgroups: readonly string[];
  /** Kinds and inodes of the namespaces that processes of the bed are in or hold by a descriptor. */
  readonly namespaces: readonly string[];
  /** Entries of `starting/` and `work/`. */
  readonly halfMade: readonly string[];
  /** Sockets of the state directory, as the kernel lists them. */
  readonly sockets: readonly string[];
  /** User ids that are lent. */
  readonly lent: readonly string[];
  /** Command lines, without process ids. */
  readonly processes: readonly string[];
  /** Open descriptors of each of them, all together. */
  readonly descriptors: number;
}

/** Looks for what belongs to the bed whose directory and state directory are given. */
export function tracesOf(directory: string, stateDir: string): Traces {
  const processes = processesOf(directory);
  const seen = processes.map(({ pid }) => lookInto(pid));
  return {
    mounts: [
      ...linesWith('/proc/self/mountinfo', directory),
      ...seen.flatMap(({ mounts }) => mounts.filter((line) => line.includes(`${stateDir}/work/`))),
    ],
    cgroups: cgroupsNamed(new Set(readdirSync(join(stateDir, 'jobs')))),
    namespaces: [...new Set(seen.flatMap(({ namespaces }) => namespaces))].sort(),
    halfMade: ['starting', 'work'].flatMap((name) =>
      existsSync(join(stateDir, name)) ? readdirSync(join(stateDir, name)).map((entry) => join(name, entry)) : [],
    ),
    sockets: linesWith('/proc/net/unix', stateDir),
    lent: existsSync(join(stateDir, 'uids'))
      ? readdirSync(join(stateDir, 'uids')).filter((name) => isLocked(join(stateDir, 'uids', name)))
      : [],
    processes: processes.map(({ commandLine }) => commandLine).sort(),
    descriptors: seen.reduce((sum, { descriptors }) => sum + descriptors, 0),
  };
}

/** Resident memory of a process, in bytes. */
export function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024;
}

function lookInto(pid: number): { mounts: string[]; namespaces: string[]; descriptors: number } {
  try {
    const descriptors = readdirSync(`/proc/${pid}/fd`);
    const links = [
      ...readdirSync(`/proc/${pid}/ns`).map((name) => readlinkSync(`/proc/${pid}/ns/${name}`)),
      ...descriptors.map((name) => linkOf(`/proc/${pid}/fd/${name}`)),
    ];
    return {
      mounts: readFileSync(`/proc/${pid}/mountinfo`, 'latin1').split('\n'),
      namespaces: links.filter((link) => /^(mnt|pid|net|ipc|uts|user|cgroup|time):\[\d+\]$/.test(link)),
      descriptors: descriptors.length,
    };
  } catch {
    // It left while it was looked at.
    return { mounts: [], namespaces: [], descriptors: 0 };
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function linesWith(path: string, text: string): string[] {
  return readFileSync(path, 'latin1')
    .split('\n')
    .filter((line) => line.includes(text));
}

function cgroupsNamed(jobs: ReadonlySet<string>): string[] {
  // A cgroup that goes while it is looked for makes find(1) complain; what it found counts all the same.
  const { stdout } = spawnSync('find', ['/sys/fs/cgroup', '-type', 'd', '-name', '????????-????-????-????-????????????'], {
    encoding: 'utf8',
  });
  return stdout.split('\n').filter((path) => jobs.has(basename(path)));
}

function isLocked(path: string): boolean {
  try {
    execFileSync('flock', ['--nonblock', path, 'true'], { stdio: 'ignore' });
    return false;
  } catch {
    return true;
  }
}
