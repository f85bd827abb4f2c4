import { readFileSync } from 'node:fs';
import type { LookupAll } from '../../src/registry/connector.ts';
import { RegistryError } from '../../src/registry/errors.ts';
import {
  type RegistryRequest,
  RegistryTransport,
  type RegistryTransportOptions,
} from '../../src/registry/transport.ts';

/** A certificate or key of `test/fixtures/tls`. */
export function tlsFixture(name: string): string {
  return readFileSync(new URL(`../fixtures/tls/${name}.pem`, import.meta.url), 'utf8');
}

/** Finds loopback for every name, and tells which names were asked for. */
export function loopbackLookup(): LookupAll & { readonly names: string[] } {
  const names: string[] = [];
  const lookup: LookupAll = (hostname, _options, callback) => {
    names.push(hostname);
    callback(null, [{ address: '127.0.0.1', family: 4 }]);
  };
  return Object.assign(lookup, { names });
}

/** A transport that is asked for short things: what came of a request is a line of text. */
export class TransportProbe implements AsyncDisposable {
  readonly transport: RegistryTransport;

  constructor(options: Partial<RegistryTransportOptions> = {}) {
    const timeouts = { connectMs: 1_000, headersMs: 1_000, totalMs: 2_000 };
    this.transport = new RegistryTransport({ userAgent: 'test', timeouts, ...options });
  }

  /** `status body`, or `code: message`. The host is the named one, of an insecure tag, unless the request says otherwise. */
  async outcome(request: Partial<RegistryRequest> & { host: string }): Promise<string> {
    try {
      const { status, body } = await this.transport.send({
        path: '/v2/',
        insecure: true,
        headers: {},
        maxBytes: 1_000,
        signal: new AbortController().signal,
        namedHost: request.host,
        ...request,
      });
      return `${status} ${body.toString()}`.trim();
    } catch (error) {
      if (error instanceof RegistryError) return `${error.code}: ${error.message}`;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.transport.close();
  }
}
