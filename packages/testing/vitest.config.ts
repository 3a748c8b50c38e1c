import { defineConfig } from 'vitest/config';

// They hold a process to the moments at which it is woken, or an answer to milliseconds: each has the machine to itself.
const measured = ['fan-out', 'known-defects/*', 'quiet-*', 'stop', 'survivors'].map((name) => `test/${name}.test.ts`);

export default defineConfig({
  resolve: { conditions: ['@worker/source'] },
  ssr: { resolve: { conditions: ['@worker/source'] } },
  test: {
    setupFiles: ['../../tools/property-tests.ts'],
    testTimeout: 180_000,
    hookTimeout: 60_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'beside',
          include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
          exclude: measured,
          // On few processors, too: most tests wait for processes, and each file has its own.
          maxWorkers: 3,
          sequence: { groupOrder: 0 },
        },
      },
      { extends: true, test: { name: 'alone', include: measured, fileParallelism: false, sequence: { groupOrder: 1 } } },
    ],
  },
});
