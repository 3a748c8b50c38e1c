/**
 * How often a test repeats what may be repeated for ever: a few times in `make test`, which is to be over soon, and all of them in `make soak`, which sets WORKER_TEST_SOAK.
 */
export function rounds(few: number, all: number): number {
  return process.env['WORKER_TEST_SOAK'] === '1' ? all : few;
}
