import { findAccelerator } from '../../src/accelerator.ts';

/** Of an emulated processor, beside a real one. */
const EMULATED_SLOWNESS = '5';

/** Found out once: to see that KVM does not work takes seconds. The processes of the tests inherit it. */
export default async function setup(): Promise<void> {
  const accelerator = await findAccelerator();
  process.env['WORKER_VM_ACCELERATOR'] = accelerator;
  if (accelerator === 'tcg') process.env['WORKER_TEST_SLOWNESS'] ??= EMULATED_SLOWNESS;
}
