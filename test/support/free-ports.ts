import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';

const LOWEST = 10_240;
const HIGHEST = 32_767;
const ATTEMPTS = 50;

/** Finds that many different loopback ports which are free now. */
export type PickPorts = (count: number) => Promise<number[]>;

/**
 * Picks free ports below the range that the kernel gives to outgoing connections. So a port stays ours while
 * its server is down for a restart: else a client that keeps asking for it can be connected to itself, from
 * that very port. Another program can still take a port before it is used: be ready to pick again.
 */
export const freePorts: PickPorts = async (count) => {
  const end = Math.min(HIGHEST, (await lowestOutgoingPort()) - 1);
  const ports = new Set<number>();
  for (let attempt = 0; ports.size < count; attempt += 1) {
    const roomy = end - LOWEST > 1000 && attempt < ATTEMPTS;
    const wanted = roomy ? LOWEST + Math.floor(Math.random() * (end - LOWEST)) : 0;
    const port = await bindOnce(wanted);
    if (port !== undefined) ports.add(port);
  }
  return [...ports];
};

async function lowestOutgoingPort(): Promise<number> {
  const range = await readFile('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').catch(() => '');
  const lowest = Number.parseInt(range, 10);
  return Number.isNaN(lowest) ? HIGHEST + 1 : lowest;
}

/** The port that could be bound (0 asks the kernel to choose); undefined when it is taken. */
async function bindOnce(port: number): Promise<number | undefined> {
  const server = createServer();
  const bound = await new Promise<number | undefined>((resolve) => {
    server.once('error', () => resolve(undefined));
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : undefined);
    });
  });
  await new Promise((resolve) => server.close(resolve));
  return bound;
}
