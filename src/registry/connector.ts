/** The one way by which direct connections to registries come about: the address that was checked is the one that is connected to. */
import type { LookupAddress, LookupAllOptions, LookupOptions } from 'node:dns';
import type { LookupFunction } from 'node:net';
import type { SecureContext } from 'node:tls';
import { buildConnector } from 'undici';
import {
  type AddressPolicy,
  addressLiteral,
  classifyAddress,
  forbiddenAddress,
  isAllowed,
} from './address-guard.ts';

/** Finds all addresses of a name, as `dns.lookup` with `all`. */
export type LookupAll = (
  hostname: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/** How connections are made. */
export interface ConnectorOptions {
  readonly policy: AddressPolicy;
  readonly lookup: LookupAll;
  /** For the name, the connection and the TLS handshake together, in milliseconds. */
  readonly timeoutMs: number;
  readonly secureContext: SecureContext | undefined;
  readonly verify: boolean;
}

/** TLS and time-out settings that a proxy's tunnels share with direct connections. */
export function connectionOptions({
  timeoutMs,
  secureContext,
  verify,
}: Omit<ConnectorOptions, 'policy' | 'lookup'>): buildConnector.BuildOptions {
  return {
    allowH2: false,
    timeout: timeoutMs,
    rejectUnauthorized: verify,
    ...(secureContext === undefined ? {} : { secureContext }),
  };
}

/** A connector that reaches only addresses that the policy allows; others fail with `forbidden-address`. */
export function guardedConnector(options: ConnectorOptions): buildConnector.connector {
  const connect = buildConnector({
    ...connectionOptions(options),
    lookup: guardedLookup(options.lookup, options.policy),
    // Node gives each address of a name 250 ms by default, which is too short for a far one.
    autoSelectFamilyAttemptTimeout: 1_000,
  });
  return (target, callback) => {
    // Node looks no address up that is given as such.
    const refusal = refusalOfLiteral(target.hostname, options.policy);
    if (refusal === undefined) connect(target, callback);
    else queueMicrotask(() => callback(refusal, null));
  };
}

/** The error for a host that is given by an address that may not be connected to. */
export function refusalOfLiteral(hostname: string, policy: AddressPolicy): Error | undefined {
  const address = addressLiteral(hostname);
  if (address === undefined) return undefined;
  const addressClass = classifyAddress(address);
  return isAllowed(addressClass, policy) ? undefined : forbiddenAddress(hostname, addressClass);
}

/** A look-up that returns allowed addresses only, and fails when there are none. */
export function guardedLookup(lookup: LookupAll, policy: AddressPolicy): LookupFunction {
  return (hostname, options: LookupOptions, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) {
        callback(error, '');
        return;
      }
      const classes = addresses.map(({ address }) => classifyAddress(address));
      const allowed = addresses.filter((_, index) => isAllowed(classes[index] ?? 'reserved', policy));
      const [first] = allowed;
      if (first === undefined) callback(forbiddenAddress(hostname, classes[0] ?? 'reserved'), '');
      else if (options.all === true) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}

/**
 * A look-up that asks once for all who want the same name at the time. `dns.lookup` takes one of Node's few threads
 * until the name server answers: a dead one then holds up one of them per name, not one per connection.
 */
export function sharedLookup(lookup: LookupAll): LookupAll {
  const waiting = new Map<string, Parameters<LookupAll>[2][]>();
  return (hostname, options, callback) => {
    const key = JSON.stringify([hostname, options.family, options.hints]);
    const others = waiting.get(key);
    if (others !== undefined) {
      others.push(callback);
      return;
    }
    waiting.set(key, [callback]);
    const answer: Parameters<LookupAll>[2] = (error, addresses) => {
      const callbacks = waiting.get(key) ?? [];
      waiting.delete(key);
      for (const each of callbacks) each(error, addresses);
    };
    try {
      lookup(hostname, options, answer);
    } catch (error) {
      // Otherwise everybody would wait for this name from now on.
      answer(error as Error, []);
    }
  };
}
