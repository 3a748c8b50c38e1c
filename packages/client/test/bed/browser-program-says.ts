/** What browser-program.js has said, a line each, when all is well. */
export const SAID = [
  { principal: 'owner@example.com' },
  { line: 'größe' },
  { lost: 8 },
  { restored: 8 },
  { line: 'after' },
  { exitCode: 7, complete: true, length: 14 },
  { bytes: 14 },
  { cancelled: true },
  { stopped: 'stopped' },
  { code: 'invalid-argument' },
  { code: 'not-found' },
];
