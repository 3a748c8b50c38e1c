import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['@worker/source'] },
  ssr: { resolve: { conditions: ['@worker/source'] } },
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    setupFiles: ['../../tools/property-tests.ts'],
    // Each starts a server.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
