import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What tells one cure from another: what kind of host this is, and the switches that it has set against namespaces. */
export interface Surroundings {
  readonly isRoot: boolean;
  /** `ID` and `ID_LIKE` of os-release, such as `ubuntu debian`. */
  readonly distribution: readonly string[];
  readonly container: 'docker' | 'podman' | 'kubernetes' | 'other' | undefined;
  /** systemd is the init of this host. */
  readonly hasSystemd: boolean;
  /** kernel.unprivileged_userns_clone, which Debian's kernels have. */
  readonly unprivilegedUsernsClone?: number;
  /** kernel.apparmor_restrict_unprivileged_userns, which Ubuntu's kernels have. */
  readonly apparmorRestrictsUserns?: number;
  /** user.max_user_namespaces. */
  readonly maxUserNamespaces?: number;
  /** user.max_net_namespaces. */
  readonly maxNetNamespaces?: number;
  /** fs.nr_open: the most open files that any limit may speak of. */
  readonly maxOpenFiles?: number;
  /** User ids from 1,000 on that exist in this user namespace: the longest run of them. */
  readonly mappedUids?: { readonly first: number; readonly last: number };
  /** In a user namespace in which nobody may change groups: one that an ordinary user made without a helper. */
  readonly forbidsGroups?: boolean;
  /** The supervisor's path, for a profile of it. */
  readonly supervisorPath: string;
}

/** Reads them. What cannot be read is not known. `root` is for tests. */
export function readSurroundings(supervisorPath: string, root = '/', environment: NodeJS.ProcessEnv = process.env): Surroundings {
  const text = (path: string): string | undefined => {
    try {
      return readFileSync(join(root, path), 'utf8');
    } catch {
      return undefined;
    }
  };
  const number = (path: string): number | undefined => {
    const value = text(path)?.trim();
    return value !== undefined && /^\d+$/.test(value) ? Number(value) : undefined;
  };
  const mappedUids = longestRun(text('proc/self/uid_map'));
  const known = {
    unprivilegedUsernsClone: number('proc/sys/kernel/unprivileged_userns_clone'),
    apparmorRestrictsUserns: number('proc/sys/kernel/apparmor_restrict_unprivileged_userns'),
    maxUserNamespaces: number('proc/sys/user/max_user_namespaces'),
    maxNetNamespaces: number('proc/sys/user/max_net_namespaces'),
    maxOpenFiles: number('proc/sys/fs/nr_open'),
    mappedUids,
  };
  return {
    isRoot: process.getuid?.() === 0,
    distribution: distribution(text('etc/os-release') ?? text('usr/lib/os-release') ?? ''),
    container: container(root, environment),
    hasSystemd: existsSync(join(root, 'run/systemd/system')),
    supervisorPath,
    ...(text('proc/self/setgroups')?.trim() === 'deny' ? { forbidsGroups: true } : {}),
    ...(Object.fromEntries(Object.entries(known).filter(([, value]) => value !== undefined)) as Partial<Surroundings>),
  };
}

function distribution(release: string): string[] {
  const field = (name: string): string[] => {
    const line = release.split('\n').find((candidate) => candidate.startsWith(`${name}=`));
    return line === undefined
      ? []
      : line
          .slice(name.length + 1)
          .replaceAll(/["']/g, '')
          .split(/\s+/);
  };
  return [...field('ID'), ...field('ID_LIKE')].filter((word) => word !== '');
}

function container(root: string, environment: NodeJS.ProcessEnv): Surroundings['container'] {
  if (environment['KUBERNETES_SERVICE_HOST'] !== undefined) return 'kubernetes';
  if (existsSync(join(root, '.dockerenv'))) return 'docker';
  if (existsSync(join(root, 'run/.containerenv'))) return 'podman';
  return environment['container'] === undefined ? undefined : 'other';
}

function longestRun(map: string | undefined): Surroundings['mappedUids'] {
  const FIRST_ORDINARY = 1000;
  // 2^32 - 1 stands for "no user".
  const LAST = 2 ** 32 - 2;
  let longest: Surroundings['mappedUids'];
  for (const line of map?.split('\n') ?? []) {
    const [inside, , count] = line.trim().split(/\s+/).map(Number);
    if (inside === undefined || count === undefined) continue;
    const run = { first: Math.max(inside, FIRST_ORDINARY), last: Math.min(inside + count - 1, LAST) };
    if (run.last >= run.first && (longest === undefined || run.last - run.first > longest.last - longest.first)) longest = run;
  }
  return longest;
}
