import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['@worker/source'] },
  ssr: { resolve: { conditions: ['@worker/source'] } },
  // Tests start real processes; on a busy machine that takes its time. What has a bound of its own asserts it.
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    setupFiles: ['../../tools/property-tests.ts'],
    // On few processors, too: most tests wait for processes, and each file has its own.
    maxWorkers: 3,
    testTimeout: 120_000,
    hookTimeout: 30_000,
  },
});
