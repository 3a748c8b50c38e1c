import type { StartFailure } from '@worker/client';

/** What its submitter can do about a program that could not be started. */
export function cureOfFailure({ stage, errnoName }: StartFailure, sandboxed: boolean): string {
  switch (stage) {
    case 'chdir':
      return ofDirectory(errnoName, sandboxed);
    case 'bind':
      return ofBind(errnoName);
    case 'limits':
      return 'ask for less: the host gives no more';
    case 'user':
      return errnoName === 'EAGAIN'
        ? 'every user id for jobs is in use: try again later, or let its operator give the server more (--job-uids)'
        : "the server may not become the job's user: its operator has to look at --run-as and --job-uids";
    case 'cgroup':
    case 'sandbox':
      return 'worker info shows what the host of the server enforces, and what its operator can do about the rest';
    default:
      return ofProgram(errnoName, sandboxed);
  }
}

function ofDirectory(errnoName: string, sandboxed: boolean): string {
  if (errnoName === 'EACCES') return "let the job's user enter the directory, or give another --cwd";
  return sandboxed
    ? 'give a --cwd that the sandbox has: /workspace, /tmp, or below a path that is bound with --bind'
    : 'give a --cwd that exists on the server and is a directory';
}

function ofBind(errnoName: string): string {
  switch (errnoName) {
    case 'ENOENT':
    case 'ENOTDIR':
      return 'the path has to exist on the server';
    case 'ELOOP':
    case 'EXDEV':
      return 'no symbolic link is followed: give the path that it leads to, if the server lets jobs bind that';
    case 'EACCES':
      return "the job's user has to be allowed to pass the directories above it";
    default:
      return 'worker info shows what may be bound';
  }
}

function ofProgram(errnoName: string, sandboxed: boolean): string {
  switch (errnoName) {
    case 'ENOENT':
      return `check the spelling, or give the full path: it is looked for in the job's PATH on the server${sandboxed ? ', and a sandbox has the programs of /usr and /bin alone' : ''}; a script's interpreter (#!) has to exist too`;
    case 'EACCES':
      return "it has to be a file, not a directory, that the job's user may execute (chmod +x), in directories that it may pass";
    case 'ENOEXEC':
      return 'it is no program and has no #! line: run it by its interpreter, such as sh FILE';
    case 'ENOTDIR':
      return 'a part of the path is not a directory';
    case 'EISDIR':
      return 'it is a directory: give the program in it';
    case 'E2BIG':
      return 'shorten the arguments or the environment';
    case 'ENOSPC':
      return 'the disk of the server is full: its operator has to make room';
    case 'EAGAIN':
    case 'ENOMEM':
    case 'EMFILE':
    case 'ENFILE':
      return 'the server is short of processes, memory or files: try again later';
    default:
      return 'the log of the server may say more';
  }
}
