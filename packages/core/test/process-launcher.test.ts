import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { findSupervisor } from '@worker/supervisor';
import { expect, test } from 'vitest';
import { ProcessLauncher } from '../src/launch/process-launcher.ts';
import { Bed } from './support/bed.ts';
import { launcherConformance } from './support/launcher-conformance.ts';

launcherConformance('ProcessLauncher', (stateDir) => {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  return ProcessLauncher.start({ binary: findSupervisor(), stateDir, cgroup: 'auto', log: () => undefined });
});

test.each([
  ['is missing', undefined],
  ['ends at once', '#!/bin/sh\nexit 3\n'],
  ['speaks something else', '#!/bin/sh\nprintf "HTTP/1.1 400 Bad Request" >&3\nkill -STOP $$\n'],
])('[NET-6] a supervisor that %s makes the opening fail clearly, and leaves no process', async (_, script) => {
  await using bed = new Bed();
  const path = bed.path('supervisor');
  if (script !== undefined) writeFileSync(path, script);
  if (script !== undefined) chmodSync(path, 0o755);
  await expect(bed.open({ supervisorPath: path })).rejects.toMatchObject({ code: 'unavailable' });
  // The directory is free again.
  await (await bed.open()).close();
});
