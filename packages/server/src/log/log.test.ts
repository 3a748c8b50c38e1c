import fc from 'fast-check';
import { expect, it } from 'vitest';
import { jsonLog } from './log.ts';

it('every entry is one line of JSON, whatever is in it: no value can forge another line', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), (peer, text) => {
      const lines: string[] = [];
      jsonLog((line) => lines.push(line))({
        level: 'warn',
        message: 'm',
        peer: `${peer}\n{"level":"info"}`,
        error: new Error(`${text}\nforged`, { cause: text }),
      });
      expect(lines.length).toBe(1);
      expect(lines[0]?.indexOf('\n')).toBe((lines[0]?.length ?? 0) - 1);
      expect(JSON.parse(lines[0] ?? '')).toMatchObject({
        level: 'warn',
        message: 'm',
        peer: `${peer.toWellFormed() === peer ? peer : (expect.any(String) as string)}\n{"level":"info"}`,
      });
    }),
  );
});
