/**
 * The command line of Worker, as a function for programs that bundle it. Most want the program `worker`.
 */
export { main } from './main.ts';
