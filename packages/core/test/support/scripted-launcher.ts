import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { MessageInitShape } from '@bufbuild/protobuf';
import { create } from '@bufbuild/protobuf';
import { findSupervisor, LauncherResponseSchema } from '@worker/supervisor';
import { encodeFrame } from '../../src/launch/frame-codec.ts';

type Said = MessageInitShape<typeof LauncherResponseSchema>;

/** The hello of a launcher that speaks this version of the wire; that of this release is 2. */
export function hello(protocolVersion = 2): Said {
  return { response: { case: 'hello', value: { protocolVersion } } };
}

/**
 * A program to be started in the place of the supervisor, for what the real one cannot be brought to do. Each launcher that is started says what its part of the script holds, hears all, answers
 * nothing, and leaves when core does. Those after the last part are the real one.
 */
export class ScriptedLauncher {
  readonly path: string;

  constructor(path: string, parts: readonly (readonly Said[])[]) {
    this.path = path;
    for (const [number, part] of parts.entries())
      writeFileSync(
        `${path}.says.${number}`,
        Buffer.concat(part.map((said) => encodeFrame(LauncherResponseSchema, create(LauncherResponseSchema, said)))),
      );
    const script = `#!/bin/sh
n=0
while test -e "$0.pid.$n"; do n=$((n + 1)); done
echo $$ > "$0.pid.$n"
test -e "$0.says.$n" || exec '${findSupervisor()}' "$@"
cat "$0.says.$n" >&3
cat <&3 > "$0.heard.$n"
`;
    writeFileSync(path, script);
    chmodSync(path, 0o755);
  }

  /** The process of a part; undefined before it was started. */
  pid(part: number): number | undefined {
    const path = `${this.path}.pid.${part}`;
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    return text.endsWith('\n') ? Number(text) : undefined;
  }

  /** Whether something was asked of it. */
  wasAsked(part: number): boolean {
    const path = `${this.path}.heard.${part}`;
    return existsSync(path) && readFileSync(path).length > 0;
  }
}
