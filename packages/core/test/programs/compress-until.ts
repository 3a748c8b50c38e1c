// Compresses an output file and dies when a step is done.
import { compressOutput } from '../../src/output/compress-output.ts';

const [directory = '', fileLength = '', last = ''] = process.argv.slice(2);
await compressOutput({
  directory,
  fileLength: Number(fileLength),
  signal: new AbortController().signal,
  onStep: (step) => {
    if (step === last) process.kill(process.pid, 'SIGKILL');
  },
});
