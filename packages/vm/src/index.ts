export type { Outcome } from './agent.ts';
export { RunnerSession } from './runner-session.ts';
export type { CollectedOutput } from './runner-session.ts';
export { boot } from './vm.ts';
export type { RunOptions, Vm, VmOptions } from './vm.ts';
