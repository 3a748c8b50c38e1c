import process from 'node:process';
import { boundYoungGeneration } from './bound-young-generation.ts';
import { runCommand } from './command/run-command.ts';

boundYoungGeneration();
process.exitCode = await runCommand(process.argv.slice(2), process.env);
