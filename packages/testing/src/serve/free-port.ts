import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { once } from 'node:events';

/**
 * A loopback port that nobody listens on, for a server that is started again on the same one. Below the range from which the kernel takes the ports of outgoing
 * connections: there, a client that retries while the server is down can be given the very port as its own and connect to itself.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = randomInt(20_000, 32_000);
    const probe = createServer().listen(port, '127.0.0.1');
    try {
      await once(probe, 'listening');
    } catch {
      continue;
    }
    probe.close();
    await once(probe, 'close');
    return port;
  }
  throw new Error('no free port found in 20000 to 31999');
}
