import { defineConfig } from 'vitest/config';

// Not named vitest.config.ts, which Nx would run with `make test`: these tests need packages of the system.
export default defineConfig({
  resolve: { conditions: ['@worker/source'] },
  ssr: { resolve: { conditions: ['@worker/source'] } },
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/accelerator.ts'],
    // A machine that is emulated takes both cores.
    fileParallelism: false,
    testTimeout: 480_000,
    hookTimeout: 240_000,
  },
});
