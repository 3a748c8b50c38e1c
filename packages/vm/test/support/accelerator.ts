import { findAccelerator } from '../../src/accelerator.ts';

/** Found out once: to see that KVM does not work takes seconds. The processes of the tests inherit it. */
export default async function setup(): Promise<void> {
  process.env['WORKER_VM_ACCELERATOR'] = await findAccelerator();
}
