import { defineConfig } from 'vitest/config';

export default defineConfig({
  resolve: { conditions: ['@worker/source'] },
  ssr: { resolve: { conditions: ['@worker/source'] } },
  test: { include: ['src/**/*.test.ts', 'test/**/*.test.ts'], setupFiles: ['../../tools/property-tests.ts'] },
});
