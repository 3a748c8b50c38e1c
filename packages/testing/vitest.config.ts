import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['@worker/source'] },
  ssr: { resolve: { conditions: ['@worker/source'] } },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    setupFiles: ['../../tools/property-tests.ts'],
    // Kills are timed and idleness is measured: one file at a time has the machine to itself.
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
