import { toJson, type DescMessage, type JsonValue, type MessageShape } from '@bufbuild/protobuf';
import type { ServerInfo } from '../server-info.ts';
import type { Job } from './job.ts';

/** Beside the values, not in them: a job stays plain data that prints and compares well. */
const messages = new WeakMap<object, () => JsonValue>();

export function rememberMessage<Desc extends DescMessage>(value: object, desc: Desc, message: MessageShape<Desc>): void {
  messages.set(value, () => toJson(desc, message, { alwaysEmitImplicit: true }));
}

/**
 * The value as the protocol's JSON mapping has it, with the field names of the proto files in lowerCamelCase and every field that has a default written out.
 * It knows only the very objects that a client answered with, not copies of them. Errors: TypeError for anything else.
 */
export function toProtoJson(value: Job | ServerInfo): JsonValue {
  const json = messages.get(value)?.();
  if (json === undefined) throw new TypeError('toProtoJson takes a Job or ServerInfo as a WorkerClient answered it, not a copy');
  return json;
}
