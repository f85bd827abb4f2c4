/** Tells what the operator wrote or, where that is wanted, all that it asked, by the API server's own audit log: so nothing stands between the two. */
import { createReadStream } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

/** A place in the log. */
export type AuditMark = number;

const writeVerbs = ['create', 'update', 'patch', 'delete', 'deletecollection'];
const settlePeriodMs = 1_000;
const settleLimitMs = 120_000;

/** A request as the API server noted it. */
export interface AuditedWrite {
  /** Its kind, for example `patch imagestreams/status`, and the HTTP status if it was refused: `create images 409`. Outside of resources it has the path. */
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  /** Who made it. */
  readonly user: string;
  /** Tells the token that was used from others of the same user: `JTI=` and its `jti` claim; empty when it has none. */
  readonly credential: string;
  /** What was sent, of the resources whose bodies are noted. */
  readonly body: unknown;
  /** True when it was only asked whether it would be done. */
  readonly isDryRun: boolean;
}

/** Plural names of resources by API group. */
type ResourcesByGroup = Readonly<Record<string, readonly string[]>>;

interface AuditEvent {
  readonly verb: string;
  readonly stage?: string;
  readonly requestURI?: string;
  readonly requestObject?: unknown;
  readonly user?: {
    readonly username?: string;
    readonly extra?: Readonly<Record<string, readonly string[]>>;
  };
  readonly objectRef?: {
    readonly resource?: string;
    readonly subresource?: string;
    readonly namespace?: string;
    readonly name?: string;
  };
  readonly responseStatus?: { readonly code?: number };
}

/** Whose requests are noted, and where. */
export type AuditLogOptions = {
  readonly folder: string;
  readonly reads?: boolean;
  readonly bodies?: ResourcesByGroup;
  readonly silent?: ResourcesByGroup;
} & ({ readonly user: string } | { readonly group: string });

/** The writes of one user or group, or with `reads` all requests, as long as an API server with its flags runs. */
export class AuditLog {
  readonly #path: string;
  /** For kube-apiserver. */
  readonly flags: readonly string[];

  private constructor(path: string, policy: string) {
    this.#path = path;
    this.flags = [`--audit-policy-file=${policy}`, `--audit-log-path=${path}`];
  }

  /**
   * Makes the files in a folder. Of the resources in `bodies`, by API group, also what was sent is noted; of those in `silent`
   * nothing: an operator with an election writes its Lease all the time.
   */
  static async create(options: AuditLogOptions): Promise<AuditLog> {
    const { folder, reads = false, bodies = {}, silent = {} } = options;
    const who = 'user' in options ? { users: [options.user] } : { userGroups: [options.group] };
    const policy = join(folder, 'audit-policy.json');
    const document = {
      apiVersion: 'audit.k8s.io/v1',
      kind: 'Policy',
      omitStages: ['RequestReceived'],
      rules: [
        ...rulesFor(silent, { level: 'None' }),
        ...rulesFor(bodies, { level: 'Request', ...who, verbs: writeVerbs }),
        { level: 'Metadata', ...who, verbs: reads ? [] : writeVerbs },
        { level: 'None' },
      ],
    };
    await writeFile(policy, JSON.stringify(document));
    const path = join(folder, 'audit.log');
    await writeFile(path, '');
    return new AuditLog(path, policy);
  }

  /** The end of the log as it is now. */
  async mark(): Promise<AuditMark> {
    return (await stat(this.#path)).size;
  }

  /** The writes since a mark, or all requests; a watch counts when it begins. */
  async since(mark: AuditMark): Promise<readonly AuditedWrite[]> {
    const writes: AuditedWrite[] = [];
    for await (const line of createInterface({ input: createReadStream(this.#path, { start: mark }) })) {
      const event = JSON.parse(line) as AuditEvent;
      if (!isEndOfWatch(event)) writes.push(requestIn(event));
    }
    return writes;
  }

  /** Waits until the operator writes no more. One that never stops is not waited for longer than two minutes. */
  async settled(signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + settleLimitMs;
    for (let before = await this.mark(); performance.now() < deadline; ) {
      await delay(settlePeriodMs, undefined, { signal });
      const after = await this.mark();
      if (after === before) return;
      before = after;
    }
  }
}

/** A watch that was granted is noted twice. */
function isEndOfWatch({ verb, stage, responseStatus }: AuditEvent): boolean {
  return verb === 'watch' && stage === 'ResponseComplete' && responseStatus?.code === 200;
}

/** Tells the writes among all requests. */
export function isWrite({ kind }: AuditedWrite): boolean {
  return writeVerbs.includes(kind.slice(0, kind.indexOf(' ')));
}

function requestIn(event: AuditEvent): AuditedWrite {
  const { verb, requestURI, requestObject: body, user, objectRef, responseStatus } = event;
  const { resource = requestURI, subresource, namespace = '', name = '' } = objectRef ?? {};
  const place = [resource, subresource].filter((part) => part !== undefined).join('/');
  const code = responseStatus?.code ?? 0;
  const kind = `${verb} ${place}${Math.floor(code / 100) === 2 ? '' : ` ${code}`}`;
  const [credential = ''] = user?.extra?.['authentication.kubernetes.io/credential-id'] ?? [];
  const isDryRun = /[?&]dryRun=/.test(requestURI ?? '');
  return { kind, namespace, name, user: user?.username ?? '', credential, body, isDryRun };
}

function rulesFor(resources: ResourcesByGroup, rule: object): readonly object[] {
  return Object.entries(resources).map(([group, names]) => ({
    ...rule,
    resources: [{ group, resources: names }],
  }));
}

/** Writes by kind. */
export function countByKind(writes: readonly AuditedWrite[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { kind } of writes) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  return counts;
}
