import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { findSupervisor } from './index.ts';

describe('findSupervisor', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('finds a binary of this release in the workspace', () => {
    const path = findSupervisor();
    expect(existsSync(path)).toBe(true);
    expect(execFileSync(path, ['--version'], { encoding: 'utf8' })).toBe('worker-supervisor 0.1.0\n');
  });

  it('takes the one that WORKER_SUPERVISOR_PATH names', () => {
    vi.stubEnv('WORKER_SUPERVISOR_PATH', process.execPath);
    expect(findSupervisor()).toBe(process.execPath);
  });

  it('says what is missing instead of falling back from a wrong WORKER_SUPERVISOR_PATH', () => {
    vi.stubEnv('WORKER_SUPERVISOR_PATH', '/no/such/supervisor');
    expect(() => findSupervisor()).toThrow('/no/such/supervisor');
  });
});
