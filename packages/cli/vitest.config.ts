import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['@worker/source'] },
  ssr: { resolve: { conditions: ['@worker/source'] } },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    setupFiles: ['../../tools/property-tests.ts'],
    // On few processors, too: most tests wait for processes, and each file has its own.
    maxWorkers: 3,
    globalSetup: ['test/bed/build.ts'],
    // Each starts a server and a process a call.
    testTimeout: 180_000,
    hookTimeout: 60_000,
  },
});
