/** What deadlines are multiplied with: `WORKER_TEST_SLOWNESS`, of which CONTRIBUTING.md tells. */
export const SLOWNESS = Number(process.env['WORKER_TEST_SLOWNESS'] ?? 1);

/** For `expect.poll`. */
export const PATIENCE = { timeout: 20_000 * SLOWNESS, interval: 200 } as const;
