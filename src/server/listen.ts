/** Starting to listen, for all our servers. */
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Listens, and resolves to the port, which matters when 0 was asked for. Rejects when the port is taken. */
export function listen(server: Server, host: string, port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.once('error', reject);
  server.listen(port, host, () => {
    server.off('error', reject);
    resolve((server.address() as AddressInfo).port);
  });
  return promise;
}
