import type { Job, ServerInfo } from '@worker/client';
import { toProtoJson } from '@worker/client';

type Json = ReturnType<typeof toProtoJson> | { readonly jobs: readonly Json[] };

export function protoJson(value: Job | ServerInfo): Json {
  return toProtoJson(value);
}

/** On one line for NDJSON, indented otherwise. What a terminal could take for more than text is escaped; it stays the same JSON. */
export function jsonText(value: Json, indented: boolean): string {
  const text = JSON.stringify(value, undefined, indented ? 2 : undefined);
  return `${text.replace(/[\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)}\n`;
}
