import { JobService, WorkerService } from '@worker/protocol';

/** A method by its canonical name, such as `worker.v1.JobService/SubmitJob`: the same at every path it is served at. */
export type MethodName = string;

/** What a role may do. What is not here is denied. */
export interface Role {
  readonly methods: ReadonlySet<MethodName>;
  /** Which jobs it sees: those it submitted. */
  readonly jobs: 'own';
}

export type RoleName = 'owner';

/** Starts jobs and does everything to its own; sees no other. */
const owner: Role = {
  methods: new Set([
    ...['SubmitJob', 'GetJob', 'ListJobs', 'WaitJob', 'StopJob', 'SignalJob', 'StreamOutput', 'GetServerInfo'].map(
      (name) => `${JobService.typeName}/${name}`,
    ),
    ...['Submit', 'Stop', 'Status', 'GetLogs'].map((name) => `${WorkerService.typeName}/${name}`),
  ]),
  jobs: 'own',
};

export const roles: Readonly<Record<RoleName, Role>> = { owner };
