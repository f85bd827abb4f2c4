/** Puts the receiver of push notifications together: settings, its secret file, its server. */
import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import type { PushEvent } from './domain/push-notification.ts';
import type { Metrics } from './observability/metrics.ts';
import type { Clock } from './runtime/clock.ts';
import { watchFile } from './runtime/watched-file.ts';
import { passOn } from './server/notification-relay.ts';
import { NotificationServer } from './server/notification-server.ts';

/** Which replicas work. */
export interface WorkingReplicas {
  /** Whether this one does. */
  readonly isWorking: boolean;
  /** Addresses of the others that do; undefined when one of them is not known, or there is none where there should be one. */
  readonly peers: readonly string[] | undefined;
}

/** What the receiver is made for. */
export interface NotificationTargets {
  readonly replicas: WorkingReplicas;
  readonly onEvents: (events: readonly PushEvent[]) => void;
}

/** A running receiver. */
export interface NotificationReceiver {
  readonly port: number;
  close(): Promise<void>;
}

/**
 * Starts the receiver when it is switched on. Throws a sentence for people when its secrets cannot be read: it never
 * listens without one.
 */
export async function startNotificationReceiver(
  { config, log, metrics, clock }: { config: Config; log: Logger; metrics: Metrics; clock: Clock },
  { replicas, onEvents }: NotificationTargets,
  signal: AbortSignal,
): Promise<NotificationReceiver | undefined> {
  const { notificationPort, notificationSecretFile: path } = config;
  if (notificationPort === undefined) return undefined;
  if (path === undefined)
    throw new Error(
      '--notification-port needs --notification-secret-file: nobody may notify without a secret.',
    );
  const content = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new Error(
      `The file ${path} (--notification-secret-file) cannot be read: ${error instanceof Error ? error.message : String(error)}`,
    );
  });
  let secrets = secretsOf(content);
  if (secrets.length === 0)
    throw new Error(
      `The file ${path} (--notification-secret-file) holds no secret of at least 16 characters.`,
    );
  const changed = (text: string): void => {
    const next = secretsOf(text);
    if (next.length === 0) {
      log.warn({ path }, 'the file of push notifications holds no secret: the ones before stay good');
      return;
    }
    secrets = next;
    log.info({ path }, 'secrets of push notifications changed');
  };
  void watchFile(path, content, { clock, signal, changed });
  const server = new NotificationServer({
    secrets: () => secrets,
    onEvents,
    replicas: {
      works: () => replicas.isWorking,
      pass: async (notification) => {
        const { peers } = replicas;
        const isReached = await passOn(notification, peers ?? []);
        return isReached && peers !== undefined;
      },
    },
    log,
    clock,
    metrics: {
      answered: (kind, status) => metrics.notifications.inc({ kind, status: String(status) }),
      handedOn: (events) => metrics.notificationEvents.inc({ result: 'handed on' }, events),
      dropped: (events) => metrics.notificationEvents.inc({ result: 'dropped' }, events),
    },
  });
  const port = await server.listen(config.notificationHost, notificationPort);
  log.info({ port }, 'receiving push notifications');
  return { port, close: () => server.close() };
}

/** One secret a line, so that a new one can be good beside the old one for a while. */
function secretsOf(content: string): readonly string[] {
  return content
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.length >= 16);
}
