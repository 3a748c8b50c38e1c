import { GetServerInfoResponseSchema, type GetServerInfoResponse } from '@worker/protocol';
import { dateOf } from './call/wire-time.ts';
import { limitsFromMessage } from './job/job-from-message.ts';
import type { JobLimits } from './job/job.ts';
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
  readonly maxMessageBytes: number;
}

/** One thing the server's host may or may not be able to enforce. */
export interface Capability {
  /** Such as `kill.sweep`. */
  readonly name: string;
  readonly available: boolean;
  /** One line about how, or what is missing. */
  readonly detail: string;
}

export function serverInfoFromMessage(message: GetServerInfoResponse): ServerInfo {
  const info: ServerInfo = {
    version: message.version,
    principal: message.principal,
    methods: message.methods,
    startedAt: message.startTime === undefined ? new Date(0) : dateOf(message.startTime),
    capabilities: message.capabilities.map(({ name, available, detail }) => ({ name, available, detail })),
    defaultLimits: limitsFromMessage(message.defaultLimits),
    maxMessageBytes: Number(message.maxMessageBytes),
  };
  rememberMessage(info, GetServerInfoResponseSchema, message);
  return info;
}
