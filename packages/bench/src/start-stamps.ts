// The job whose latency is measured: so many lines, so many milliseconds apart, each with the time at which it was written, in nanoseconds of the clock that all processes share.
const [count = 0, everyMs = 0] = process.argv.slice(2).map(Number);
let written = 0;
const timer = setInterval(() => {
  process.stdout.write(`${process.hrtime.bigint()}\n`);
  written += 1;
  if (written >= count) clearInterval(timer);
}, everyMs);
