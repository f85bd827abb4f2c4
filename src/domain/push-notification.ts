/**
 * Push notifications of registries, read as hints: look at this repository, at this tag. Nothing else in a payload
 * is believed, and everything in it may be hostile. Where each format is described: docs/how-to/push-notifications.md.
 */
import { arrayOf, isJsonObject, type JsonObject, parseJsonObject, textOf, valueAt } from '../api/json.ts';
import {
  digestProblem,
  type ImageReference,
  isTagName,
  parseImageReference,
  registryHost,
  repositoryPath,
} from './image-reference.ts';

/** The formats, in the order in which they are recognised. */
export const notificationKinds = [
  'zot',
  'harbor',
  'distribution',
  'quay',
  'dockerhub',
  'ghcr',
  'generic',
] as const;

/** One of {@link notificationKinds}. */
export type NotificationKind = (typeof notificationKinds)[number];

/** Somebody says that something was pushed. */
export interface PushEvent {
  /**
   * Where a client would ask for it, lower case, `registry-1.docker.io` for Docker Hub. Undefined when the sender
   * does not say (zot without a `source`): then it is that repository in any registry, never only Docker Hub.
   */
  readonly registry: string | undefined;
  /** Path to ask the registry for; on Docker Hub with `library/`. */
  readonly repository: string;
  /** Undefined: some tag of the repository; the sender does not say which, or not reliably. */
  readonly tag: string | undefined;
  /** What the sender says the tag is now. For people who look for an error; a reason neither to act nor not to. */
  readonly digest?: string;
}

/** What came besides the body. Header names are lower case. */
export interface NotificationHint {
  /** Path and query as requested. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

/** The events of a request (none for a pull, a delete, a test), or what is wrong with it, for the sender. */
export type ParsedNotification =
  | { readonly ok: true; readonly kind: NotificationKind; readonly events: readonly PushEvent[] }
  | { readonly ok: false; readonly problem: string };

/** An address of the receiver. */
export interface NotificationRoute {
  /** Undefined: to be recognised by the shape of the payload. */
  readonly kind: NotificationKind | undefined;
  /** Name under which streams know the sending registry, when it sends another or none. */
  readonly registry: string | undefined;
  /** A secret at the end of the path, decoded; only for the kinds that can send no header. */
  readonly secret: string | undefined;
}

/** Most events that one request can hold. */
export const maxEvents = 500;

/** Docker Hub's webhooks consist of a name and an address, Quay's of an address and a template. */
const kindsWithoutHeaders: ReadonlySet<NotificationKind> = new Set(['dockerhub', 'quay']);

/** Reads `/v1/notify[/<kind>[/<secret>]][?registry=<host>]`; undefined when the path is another one. */
export function parseNotificationPath(path: string): NotificationRoute | undefined {
  const [plain = '', query = ''] = path.split('?', 2);
  const match = /^\/v1\/notify(?:\/([a-z]+)(?:\/([^/]+))?)?\/?$/.exec(plain);
  if (match === null) return undefined;
  const kind = notificationKinds.find((candidate) => candidate === match[1]);
  if (kind === undefined && match[1] !== undefined) return undefined;
  const registry = new URLSearchParams(query).get('registry') ?? undefined;
  if (match[2] === undefined) return { kind, registry, secret: undefined };
  const secret = decoded(match[2]);
  if (kind === undefined || secret === undefined || !kindsWithoutHeaders.has(kind)) return undefined;
  return { kind, registry, secret };
}

/** Reads the body of a notification. Never throws; the problem repeats nothing of the body. */
export function parsePushNotification(body: string, hint: NotificationHint): ParsedNotification {
  const route = parseNotificationPath(hint.path);
  if (route === undefined) return failed('there is no such address');
  if (route.registry !== undefined && !isRegistry(route.registry)) {
    return failed(
      'the registry in the address is no host as in an image reference (registry.example.com:5000)',
    );
  }
  const object = parseJsonObject(body);
  if (object === undefined) return failed('the body is not a JSON object');
  const message = openMessage(object, hint.headers);
  const kind = route.kind ?? notificationKinds.find((candidate) => formats[candidate].recognises(message));
  if (kind === undefined) {
    return failed(`the body is of no known form: the kinds are ${notificationKinds.join(', ')}`);
  }
  const format = formats[kind];
  if (!format.recognises(message)) return failed(`the body is no notification of the kind ${kind}`);
  const mentions = format.read(message);
  if (typeof mentions === 'string') return failed(mentions);
  const events = new Map<string, PushEvent>();
  for (const mention of mentions) {
    const event = toEvent(mention, route.registry);
    if (event !== undefined) events.set(tagKey(event), event);
  }
  return { ok: true, kind, events: [...events.values()] };
}

/** The key of an event's repository in an index that was built with {@link repositoryKeys}. */
export function repositoryKey({ registry, repository }: PushEvent): string {
  return `${registry === undefined ? '*' : withoutDefaultPort(registry)}/${repository}`;
}

/** What makes two events the same: repository and tag. */
export function tagKey(event: PushEvent): string {
  return `${repositoryKey(event)}:${event.tag ?? '*'}`;
}

/** The two keys under which a followed repository must be found: with its registry, and for events that name none. */
export function repositoryKeys(reference: ImageReference): readonly [string, string] {
  const registry = registryHost(reference).toLowerCase();
  const repository = repositoryPath(reference);
  const event = { repository, tag: undefined };
  return [repositoryKey({ ...event, registry }), repositoryKey({ ...event, registry: undefined })];
}

/** A payload out of its envelope. */
interface Message {
  readonly data: JsonObject;
  /** The CloudEvents attributes, if it is one (in either content mode). */
  readonly cloudEvent: { readonly type: string; readonly source: string } | undefined;
  /** GitHub's name of the event. */
  readonly githubEvent: string | undefined;
}

/** What a payload names, unchecked. */
interface Mention {
  readonly registry: string | undefined;
  readonly repository: unknown;
  readonly tag: string | undefined;
  readonly digest?: unknown;
}

interface Format {
  recognises(message: Message): boolean;
  /** What was pushed; a text when the sender should mend the payload. */
  read(message: Message): readonly Mention[] | string;
}

const formats: Readonly<Record<NotificationKind, Format>> = {
  zot: {
    recognises: ({ cloudEvent }) => /\.(?:image|repository)\.[a-z_]+$/.test(cloudEvent?.type ?? ''),
    read: readZot,
  },
  harbor: {
    recognises: ({ cloudEvent, data }) =>
      cloudEvent === undefined
        ? typeof data['type'] === 'string' && isJsonObject(data['event_data'])
        : cloudEvent.type.startsWith('harbor.'),
    read: readHarbor,
  },
  distribution: {
    // Azure's registry sends the same events, each without the envelope.
    recognises: ({ data }) => Array.isArray(data['events']) || isJsonObject(data['target']),
    read: ({ data }) => readDistribution(Array.isArray(data['events']) ? data['events'] : [data]),
  },
  quay: { recognises: ({ data }) => typeof data['docker_url'] === 'string', read: readQuay },
  dockerhub: { recognises: ({ data }) => isJsonObject(data['push_data']), read: readDockerHub },
  ghcr: {
    recognises: ({ data, githubEvent }) =>
      githubEvent !== undefined || isJsonObject(data['registry_package']) || isJsonObject(data['package']),
    read: readGitHub,
  },
  generic: { recognises: ({ data }) => Array.isArray(data['images']), read: readGeneric },
};

/** CloudEvents come in two modes: everything in the body, or the attributes in headers and only the data in the body. */
function openMessage(body: JsonObject, headers: NotificationHint['headers']): Message {
  const githubEvent = textOf(headers['x-github-event']);
  if (typeof body['specversion'] === 'string') {
    const cloudEvent = { type: textOf(body['type']) ?? '', source: textOf(body['source']) ?? '' };
    return { data: isJsonObject(body['data']) ? body['data'] : {}, cloudEvent, githubEvent };
  }
  const type = textOf(headers['ce-type']);
  if (type === undefined) return { data: body, cloudEvent: undefined, githubEvent };
  return { data: body, cloudEvent: { type, source: textOf(headers['ce-source']) ?? '' }, githubEvent };
}

/** Layers and the manifests of an index are pushed without a tag: nobody follows those. */
function readDistribution(events: readonly unknown[]): readonly Mention[] | string {
  if (events.length > maxEvents) return `more than ${maxEvents} events: send several requests`;
  return events.flatMap((event) => {
    const tag = pushedTag(valueAt(event, ['target', 'tag']));
    if (valueAt(event, ['action']) !== 'push' || tag === undefined) return [];
    const registry = textOf(valueAt(event, ['request', 'host']));
    const repository = valueAt(event, ['target', 'repository']);
    return [{ registry, repository, tag, digest: valueAt(event, ['target', 'digest']) }];
  });
}

/** The prefix of the type is a setting of zot; so is the source, which names no host by default. */
function readZot({ data, cloudEvent }: Message): readonly Mention[] {
  const tag = pushedTag(data['reference']);
  if (!cloudEvent?.type.endsWith('.image.updated') || tag === undefined) return [];
  const [, registry] = /^https?:\/\/([^/?#@]+)/.exec(cloudEvent.source) ?? [];
  return [{ registry, repository: data['name'], tag, digest: data['digest'] }];
}

const harborPushes: ReadonlySet<unknown> = new Set([
  'PUSH_ARTIFACT',
  'CREATE_TAG',
  'harbor.artifact.pushed',
  'harbor.tag.created',
]);

function readHarbor({ data, cloudEvent }: Message): readonly Mention[] {
  if (!harborPushes.has(cloudEvent === undefined ? data['type'] : cloudEvent.type)) return [];
  const event = cloudEvent === undefined ? data['event_data'] : data;
  const repository = valueAt(event, ['repository', 'repo_full_name']);
  const resources = arrayOf(valueAt(event, ['resources']));
  const mentions = firstOnes(resources).flatMap((resource) => {
    const tag = pushedTag(valueAt(resource, ['tag']));
    const registry = hostBefore(valueAt(resource, ['resource_url']));
    if (tag === undefined) return [];
    return [{ registry, repository, tag, digest: valueAt(resource, ['digest']) }];
  });
  return resources.length > maxEvents ? wholeRepository(mentions) : mentions;
}

/** Tags are a list; in old versions the members of an object. */
function readQuay({ data }: Message): readonly Mention[] {
  const updated = data['updated_tags'];
  const tags = isJsonObject(updated) ? Object.keys(updated) : arrayOf(updated);
  const registry = hostBefore(data['docker_url']);
  const repository = textOf(data['docker_url'])?.slice((registry?.length ?? 0) + 1);
  const mentions = firstOnes(tags).flatMap((candidate) => {
    const tag = pushedTag(candidate);
    return tag === undefined ? [] : [{ registry, repository, tag }];
  });
  return tags.length > maxEvents ? wholeRepository(mentions) : mentions;
}

function readDockerHub({ data }: Message): readonly Mention[] {
  const tag = pushedTag(valueAt(data, ['push_data', 'tag']));
  if (tag === undefined) return [];
  return [{ registry: 'docker.io', repository: valueAt(data, ['repository', 'repo_name']), tag }];
}

/**
 * One push of several tags sends events that name one of them, so a tag here only says that the repository changed.
 * Each manifest of an index sends an event of its own with an empty tag. Names keep the owner's upper case.
 */
function readGitHub({ data }: Message): readonly Mention[] {
  if (data['action'] !== 'published' && data['action'] !== 'updated') return [];
  const version = valueAt(data['registry_package'] ?? data['package'], ['package_version']);
  const tag = pushedTag(valueAt(version, ['container_metadata', 'tag', 'name']));
  const address = textOf(valueAt(version, ['package_url']))?.toLowerCase();
  if (tag === undefined || address === undefined) return [];
  const registry = hostBefore(address);
  const [repository] = address.slice((registry?.length ?? 0) + 1).split(/[:@]/, 1);
  const digest = valueAt(version, ['container_metadata', 'tag', 'digest']);
  return [{ registry, repository, tag: undefined, digest }];
}

/** Written by people, so mistakes are told and not passed over. Without a tag, all tags of the repository are meant. */
function readGeneric({ data }: Message): readonly Mention[] | string {
  const images = arrayOf(data['images']);
  if (images.length > maxEvents) return `more than ${maxEvents} images: send several requests`;
  const mentions: Mention[] = [];
  for (const [i, image] of images.entries()) {
    if (typeof image !== 'string') return `images[${i}] is not a text`;
    const parsed = parseImageReference(image);
    if (!parsed.ok) return `images[${i}]: ${parsed.problem}`;
    const { registry = 'docker.io', repository, tag, digest } = parsed.reference;
    mentions.push({ registry, repository, tag, digest });
  }
  return mentions;
}

/** An event whose parts are all legal; undefined when one is not. */
function toEvent(mention: Mention, knownAs: string | undefined): PushEvent | undefined {
  const { repository, tag, digest } = mention;
  const registry = (knownAs ?? mention.registry)?.toLowerCase();
  if (typeof repository !== 'string') return undefined;
  // With a host in front the parser takes all of the rest for the path, also in `quay.io/org/app` on a mirror.
  const host = registry ?? 'localhost';
  const parsed = parseImageReference(`${host}/${repository}`);
  // Another split between host and path, a tag or a digest in the path: not what a registry sends.
  if (!parsed.ok || parsed.reference.repository !== repository) return undefined;
  return {
    registry: registry === undefined ? undefined : registryHost(parsed.reference),
    repository: repositoryPath(parsed.reference),
    tag,
    ...(typeof digest === 'string' && digestProblem(digest) === undefined ? { digest } : {}),
  };
}

/** The value if it is a tag; registries write a digest, nothing or an empty text in its place. */
function pushedTag(value: unknown): string | undefined {
  return typeof value === 'string' && isTagName(value) ? value : undefined;
}

/** More tags of one repository than are worth naming. */
function wholeRepository([first]: readonly Mention[]): readonly Mention[] {
  return first === undefined
    ? []
    : [{ registry: first.registry, repository: first.repository, tag: undefined }];
}

function firstOnes(list: readonly unknown[]): readonly unknown[] {
  return list.slice(0, maxEvents);
}

/** The part of `host/path` before the first slash. */
function hostBefore(value: unknown): string | undefined {
  const slash = typeof value === 'string' ? value.indexOf('/') : -1;
  return typeof value === 'string' && slash > 0 ? value.slice(0, slash) : undefined;
}

function isRegistry(text: string): boolean {
  return toEvent({ registry: text, repository: 'x', tag: undefined }, undefined) !== undefined;
}

function withoutDefaultPort(registry: string): string {
  return registry.replace(/:(?:443|80)$/, '');
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

function failed(problem: string): ParsedNotification {
  return { ok: false, problem };
}
