import { GetServerInfoResponseSchema, type GetServerInfoResponse } from '@worker/protocol';
import { dateOf } from './call/wire-time.ts';
import { bindOf, modeOf, networkOf } from './job/isolation.ts';
import { ceilingsFromMessage, limitsFromMessage } from './job/limits.ts';
import type { Bind, IsolationMode, JobLimits, NetworkMode } from './job/job.ts';
import { rememberMessage } from './job/proto-json.ts';

/** What a server is, and who the caller is to it. */
export interface ServerInfo {
  /** The release, such as `0.1.0`. */
  readonly version: string;
  /** The caller's e-mail address, in lower case. */
  readonly principal: string;
  /** What the caller may call, such as `worker.v1.JobService/SubmitJob`. */
  readonly methods: readonly string[];
  readonly startedAt: Date;
  readonly capabilities: readonly Capability[];
  /** Of a job that asks for none. */
  readonly defaultLimits: JobLimits;
  /** The most a job may ask for; what is absent has no ceiling. */
  readonly maxLimits: Partial<JobLimits>;
  /** What may be asked for, the default first; empty from a server of a release that knew no isolation. */
  readonly isolationModes: readonly (IsolationMode | 'unrecognized')[];
  /** What a sandbox may reach, the default first. */
  readonly networkModes: readonly (NetworkMode | 'unrecognized')[];
  /** Paths of the host that a sandbox may ask for, each with everything below it; `target` is where it appears unless asked for elsewhere. */
  readonly binds: readonly Bind[];
  readonly maxMessageBytes: number;
}

/** One thing the server's host may or may not be able to enforce. */
export interface Capability {
  /** Such as `kill.sweep`. */
  readonly name: string;
  readonly available: boolean;
  /** One line about how, or what is missing. */
  readonly detail: string;
  /** What an administrator can do about it: a command, or a line of configuration; `''` when it is available, or when nothing helps. */
  readonly cure: string;
}

export function serverInfoFromMessage(message: GetServerInfoResponse): ServerInfo {
  const info: ServerInfo = {
    version: message.version,
    principal: message.principal,
    methods: message.methods,
    startedAt: message.startTime === undefined ? new Date(0) : dateOf(message.startTime),
    capabilities: message.capabilities.map(({ name, available, detail, cure }) => ({ name, available, detail, cure })),
    defaultLimits: limitsFromMessage(message.defaultLimits),
    maxLimits: ceilingsFromMessage(message.maxLimits),
    isolationModes: message.isolationModes.map(modeOf),
    networkModes: message.networkModes.map(networkOf),
    binds: message.binds.map(bindOf),
    maxMessageBytes: Number(message.maxMessageBytes),
  };
  rememberMessage(info, GetServerInfoResponseSchema, message);
  return info;
}
