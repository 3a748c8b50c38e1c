import type { Attempt as WireAttempt, Host } from '@worker/supervisor';

/** What the launcher found, by trying, that this host lets it enforce. */
export interface HostAbilities {
  readonly sandbox: Attempt;
  readonly networkNamespace: Attempt;
  readonly seccomp: Attempt;
  /** The version of landlock's interface; 0: there is none. */
  readonly landlockAbi: number;
  readonly controllers: { readonly [Name in ControllerName]: Controller };
  readonly ownUids: Attempt;
  /** Becoming the user that all jobs are to run as; undefined where there is none. */
  readonly runAs?: Attempt;
  /** 0: not known. */
  readonly memoryBytes: number;
  /** 0: not known. */
  readonly cpus: number;
  /** Of the kernel: major and minor; 0: not known. */
  readonly kernel: readonly [number, number];
}

export interface Attempt {
  readonly done: boolean;
  /** The step that failed. */
  readonly stage: string;
  /** 0 where there was none. */
  readonly errno: number;
}

export type ControllerName = 'memory' | 'cpu' | 'pids' | 'io' | 'kill';

export interface Controller {
  /** Of the hierarchy it is used in; 0: it cannot be used. */
  readonly version: number;
  /** Why not. */
  readonly errno: number;
}

const ENOENT = 2;

/** What a hello tells of the host. What it does not speak of cannot be done. */
export function hostAbilities(host: Host | undefined): HostAbilities {
  const controller = (wanted: ControllerName): Controller => {
    const found = host?.controllers.find(({ name }) => name === wanted);
    return found === undefined ? { version: 0, errno: ENOENT } : { version: found.version, errno: found.errno };
  };
  return {
    sandbox: attempt(host?.sandbox),
    networkNamespace: attempt(host?.networkNamespace),
    seccomp: attempt(host?.seccomp),
    landlockAbi: host?.landlockAbi ?? 0,
    controllers: {
      memory: controller('memory'),
      cpu: controller('cpu'),
      pids: controller('pids'),
      io: controller('io'),
      kill: controller('kill'),
    },
    ownUids: attempt(host?.ownUids),
    ...(host?.runAs === undefined ? {} : { runAs: attempt(host.runAs) }),
    memoryBytes: Number(host?.memoryBytes ?? 0n),
    cpus: host?.cpus ?? 0,
    kernel: kernelVersion(host?.kernelRelease ?? ''),
  };
}

function kernelVersion(release: string): readonly [number, number] {
  const [major, minor] = release.split(/[^0-9]/).map(Number);
  return [major ?? 0, minor ?? 0];
}

function attempt(made: WireAttempt | undefined): Attempt {
  return made === undefined ? { done: false, stage: '', errno: 0 } : { done: made.done, stage: made.stage, errno: made.errno };
}
