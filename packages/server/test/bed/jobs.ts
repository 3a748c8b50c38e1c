import { ConnectError } from '@connectrpc/connect';
import { BadRequestSchema, ErrorInfoSchema, type StreamOutputResponse } from '@worker/protocol';
import { expect } from 'vitest';
import type { Connected } from './bed.ts';

/** Submits and answers the id. */
export async function submit({ jobs }: Connected, ...argv: string[]): Promise<string> {
  return (await jobs.submitJob({ argv })).job?.id ?? '';
}

/** What a call was refused with. Rejects when it was answered. */
export async function refusalOf(
  call: Promise<unknown>,
): Promise<{ code: number; message: string; reason: string | undefined; fields: readonly string[] }> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(ConnectError);
  const refused = ConnectError.from(error);
  return {
    code: refused.code,
    message: refused.rawMessage,
    reason: refused.findDetails(ErrorInfoSchema)[0]?.reason,
    fields: refused.findDetails(BadRequestSchema).flatMap(({ fieldViolations }) => fieldViolations.map(({ field }) => field)),
  };
}

export async function collect(events: AsyncIterable<StreamOutputResponse>): Promise<StreamOutputResponse['event'][]> {
  const collected: StreamOutputResponse['event'][] = [];
  for await (const { event } of events) collected.push(event);
  return collected;
}

/** The data of all chunks, in order. */
export function bytesOf(events: readonly StreamOutputResponse['event'][]): Buffer {
  return Buffer.concat(events.flatMap((event) => (event.case === 'chunk' ? [event.value.data] : [])));
}
