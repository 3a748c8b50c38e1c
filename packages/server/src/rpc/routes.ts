import type { DescService, MessageInitShape, DescMessage } from '@bufbuild/protobuf';
import type { HandlerContext, ServiceImpl } from '@connectrpc/connect';
import { JobService, type WorkerService } from '@worker/protocol';
import type { Routes } from '../listen/dispatch.ts';
import type { UnaryContext } from '../listen/plain-unary.ts';
import type { Call, Host } from './call.ts';
import { getJob } from './get-job.ts';
import { getLogs } from './get-logs.ts';
import { getServerInfo } from './get-server-info.ts';
import { listJobs } from './list-jobs.ts';
import { signalJob } from './signal-job.ts';
import { status } from './status.ts';
import { stop } from './stop.ts';
import { stopJob } from './stop-job.ts';
import { streamOutput } from './stream-output.ts';
import { submit } from './submit.ts';
import { submitJob } from './submit-job.ts';
import { waitJob } from './wait-job.ts';
import { workerServices } from './worker-service-paths.ts';

type Answer<D extends DescMessage> = MessageInitShape<D> | Promise<MessageInitShape<D>>;

/** Runs a handler of one RPC as a call that passed the first gate. Of those that last, every stream among them, a principal has a limited number. */
export interface Run {
  one<I, O extends DescMessage>(
    handle: (host: Host, request: I, call: Call) => Answer<O>,
    lasting?: 'lasting',
  ): (request: I, context: UnaryContext) => Promise<MessageInitShape<O>>;
  many<I, O>(handle: (host: Host, request: I, call: Call) => AsyncGenerator<O>): (request: I, context: HandlerContext) => AsyncGenerator<O>;
}

/** Every RPC of both services. The types demand that none is missing. */
export function addRoutes(router: Routes, run: Run): void {
  const jobService: Complete<typeof JobService> = {
    submitJob: run.one(submitJob),
    getJob: run.one(getJob),
    listJobs: run.one(listJobs),
    waitJob: run.one(waitJob, 'lasting'),
    stopJob: run.one(stopJob),
    signalJob: run.one(signalJob),
    streamOutput: run.many(streamOutput),
    getServerInfo: run.one(getServerInfo),
  };
  const workerService: Complete<typeof WorkerService> = {
    submit: run.one(submit),
    stop: run.one(stop),
    status: run.one(status),
    getLogs: run.many(getLogs),
  };
  router.service(JobService, jobService);
  for (const service of workerServices) router.service(service, workerService);
}

type Complete<S extends DescService> = ServiceImpl<S>;
