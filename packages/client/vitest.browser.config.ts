import { defineConfig } from 'vitest/config';

// Not named vitest.config.ts, which Nx would run with `make test`: these tests need a browser of the system.
export default defineConfig({
  resolve: { conditions: ['@worker/source'] },
  ssr: { resolve: { conditions: ['@worker/source'] } },
  test: { include: ['test/**/*.browser.ts'], testTimeout: 240_000, hookTimeout: 60_000 },
});
