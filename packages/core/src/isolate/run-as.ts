import { readFileSync } from 'node:fs';
import { CoreError } from '../core-error.ts';
import type { JobUser } from '../submit/base-environment.ts';
import { isDirectory } from '../submit/base-environment.ts';
import { checkInteger, checkText, invalidArgument } from '../submit/check-argument.ts';

/** A user of this host as the user database has it. */
export interface HostUser extends JobUser {
  readonly uid: number;
  readonly gid: number;
  /** Its other groups. */
  readonly groups: readonly number[];
}

/** The user database: what passwd(5) and group(5) describe. */
export interface UserFiles {
  readonly passwd: string;
  readonly group: string;
}

/** What stands for "no user", and so can be none. */
const NO_UID = 2 ** 32 - 1;

/** Errors: `unavailable`. */
export function readUserFiles(): UserFiles {
  try {
    return { passwd: readFileSync('/etc/passwd', 'utf8'), group: readFileSync('/etc/group', 'utf8') };
  } catch (error) {
    throw new CoreError('unavailable', 'the user database, /etc/passwd and /etc/group, cannot be read', { cause: error });
  }
}

/** The user of a name or number, or, as `USER:GROUP`, with another first group. Errors: `invalid-argument`. */
export function findUser(wanted: string, files: UserFiles): HostUser {
  const [user = '', group, ...more] = checkText(wanted, 'runAs').split(':');
  const [name = '', , uid, own, , home = ''] = find(entries(files.passwd), user) ?? [];
  const gid = group === undefined ? own : find(entries(files.group), group)?.[2];
  if (!isId(uid) || more.length > 0) throw invalidArgument('runAs', 'must be the name or number of a user in /etc/passwd');
  if (!isId(gid)) throw invalidArgument('runAs', 'must name a group in /etc/group after the colon');
  const groups = entries(files.group).filter(([, , id, members = '']) => isId(id) && id !== gid && members.split(',').includes(name));
  return {
    name,
    home: isDirectory(home) ? home : '/',
    uid: Number(uid),
    gid: Number(gid),
    groups: groups.map(([, , id]) => Number(id)),
  };
}

// A name comes first, as for other programs: one of digits alone is allowed on some hosts.
function find(all: readonly string[][], wanted: string): string[] | undefined {
  return all.find(([name]) => name === wanted) ?? all.find(([, , id]) => id === wanted);
}

/** Errors: `invalid-argument` for a range that is none, or holds a user of the host. */
export function checkJobUids({ first, last }: { readonly first: number; readonly last: number }, files: UserFiles): void {
  checkInteger(first, 'jobUids.first', 1, NO_UID - 1);
  checkInteger(last, 'jobUids.last', first, NO_UID - 1);
  const taken = entries(files.passwd).find(([, , uid]) => isId(uid) && Number(uid) >= first && Number(uid) <= last);
  if (taken !== undefined) throw invalidArgument('jobUids', `must hold no user of this host, and ${taken[2]} is ${taken[0]}`);
  const group = entries(files.group).find(([, , gid]) => isId(gid) && Number(gid) >= first && Number(gid) <= last);
  if (group !== undefined) throw invalidArgument('jobUids', `must hold no group of this host, and ${group[2]} is ${group[0]}`);
}

function entries(file: string): string[][] {
  return file.split('\n').map((line) => line.split(':'));
}

function isId(text: string | undefined): text is string {
  return text !== undefined && /^\d{1,10}$/.test(text) && Number(text) < NO_UID;
}
