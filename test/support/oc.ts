// Commands of oc, call by call: the methods, paths and bodies that its Go clients send, and what it goes by in the answers
// (semantics 6). No oc runs here.
import { type FaceCalls, group } from './face-calls.ts';
import type { FaceAnswer } from './face-view.ts';

/** An item of the history of a tag. */
interface WireEvent {
  readonly image: string;
  readonly dockerImageReference: string;
  readonly generation: number;
}

/** A tag of the spec as oc reads it. */
export interface WireTag {
  readonly name: string;
  readonly annotations?: Readonly<Record<string, string>> | null;
  readonly from?: { readonly kind: string; readonly name: string; readonly namespace?: string };
  readonly generation?: number | null;
  readonly reference?: boolean;
  readonly importPolicy?: {
    readonly insecure?: boolean;
    readonly scheduled?: boolean;
    readonly importMode?: string;
  };
  readonly referencePolicy?: { readonly type: string };
}

/** A stream as oc reads it. */
export interface WireStream {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly resourceVersion: string;
    readonly generation?: number;
  };
  readonly spec: { readonly lookupPolicy: { readonly local: boolean }; readonly tags?: readonly WireTag[] };
  readonly status: {
    readonly dockerImageRepository: string;
    readonly tags?: readonly {
      readonly tag: string;
      readonly items: readonly WireEvent[] | null;
      readonly conditions?: readonly {
        readonly type: string;
        readonly status: string;
        readonly generation: number;
        readonly reason: string;
        readonly message: string;
      }[];
    }[];
  };
}

const apiVersion = `${group}/v1`;
const noTime = { creationTimestamp: null };

/** A whole tag of a spec: what was not set is there all the same. */
export function wireTag(tag: Partial<WireTag>): object {
  return {
    name: '',
    annotations: null,
    generation: null,
    importPolicy: {},
    referencePolicy: { type: '' },
    ...tag,
  };
}

/** A whole ImageStreamTag. */
export function wireImageStreamTag(metadata: object, tag: Partial<WireTag>): object {
  return {
    kind: 'ImageStreamTag',
    apiVersion,
    metadata: { ...metadata, ...noTime },
    tag: wireTag(tag),
    generation: 0,
    lookupPolicy: { local: false },
    image: { metadata: noTime, dockerImageMetadata: null, dockerImageLayers: null },
  };
}

/** A whole ImageStream. */
export function wireImageStream(
  metadata: object,
  { local = false, tags }: { readonly local?: boolean; readonly tags?: readonly Partial<WireTag>[] } = {},
): object {
  return {
    kind: 'ImageStream',
    apiVersion,
    metadata: { ...metadata, ...noTime },
    spec: { lookupPolicy: { local }, ...(tags && { tags: tags.map(wireTag) }) },
    status: { dockerImageRepository: '' },
  };
}

/** A whole source of an ImageStreamImport. */
export function wireSource(pullSpec: string, importPolicy: object = {}, to?: string): object {
  return {
    from: { kind: 'DockerImage', name: pullSpec },
    ...(to !== undefined && { to: { name: to } }),
    importPolicy,
    referencePolicy: { type: '' },
  };
}

/** Somebody with oc. */
export class Oc {
  readonly calls: FaceCalls;
  readonly user: string;

  constructor(calls: FaceCalls, user = 'admin') {
    this.calls = calls;
    this.user = user;
  }

  /** Throws when oc would print a warning. */
  async send(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: object): Promise<FaceAnswer> {
    const { user } = this;
    const answer = await this.calls.call({ method, path, user, ...(body && { body }) });
    const warning = answer.headers['warning'];
    if (warning !== undefined) throw new Error(`Warning: ${[warning].flat().join()}`);
    return answer;
  }

  get(path: string): Promise<FaceAnswer> {
    return this.send('GET', path);
  }

  async stream(name: string): Promise<WireStream> {
    const { body } = await this.get(`imagestreams/${name}`);
    return body as unknown as WireStream;
  }

  /** What `oc tag stream:tag …` takes as its source without `--alias`: the image that the tag has now. */
  async copyOf(name: string, tag: string): Promise<Partial<WireTag>> {
    const { status } = await this.stream(name);
    const event = status.tags?.find((each) => each.tag === tag)?.items?.[0];
    if (event === undefined) throw new Error(`"${name}:${tag}" is not currently pointing to an image`);
    const { image, dockerImageReference } = event;
    return image === ''
      ? { from: { kind: 'DockerImage', name: dockerImageReference }, generation: 0 }
      : { from: { kind: 'ImageStreamImage', name: `${name}@${image}` } };
  }

  /**
   * `oc tag` for one destination: puts it; where that may not be or is not there, posts it; where that may not be either, edits
   * the stream. Returns the last answer, with the ways that were tried.
   */
  async tag(
    destination: string,
    tag: Partial<WireTag>,
    namespace = this.calls.face.scenario.namespace,
  ): Promise<FaceAnswer & { readonly ways: readonly string[] }> {
    const [stream = '', name = ''] = destination.split(':');
    const whole = { referencePolicy: { type: 'Source' }, ...tag, name };
    const body = wireImageStreamTag({ name: destination, namespace }, whole);
    const tags = `/apis/${apiVersion}/namespaces/${namespace}/imagestreamtags`;
    const put = await this.send('PUT', `${tags}/${destination}`, body);
    if (![403, 404, 405].includes(put.status)) return { ...put, ways: ['PUT istag'] };
    const post = await this.send('POST', tags, body);
    if (![403, 405].includes(post.status)) return { ...post, ways: ['PUT istag', 'POST istag'] };
    const edited = await this.#editTags(stream, (all) => [
      ...all.filter((each) => each.name !== name),
      wireTag(whole),
    ]);
    return { ...edited, ways: ['PUT istag', 'POST istag', 'PUT is'] };
  }

  /** `oc tag -d` for one tag. */
  async untag(name: string): Promise<FaceAnswer & { readonly ways: readonly string[] }> {
    const deleted = await this.send('DELETE', `imagestreamtags/${name}`);
    if (![403, 405].includes(deleted.status)) return { ...deleted, ways: ['DELETE istag'] };
    const [stream = '', tag = ''] = name.split(':');
    const edited = await this.#editTags(stream, (all) => all.filter((each) => each.name !== tag));
    return { ...edited, ways: ['DELETE istag', 'PUT is'] };
  }

  async #editTags(name: string, edit: (tags: readonly WireTag[]) => readonly object[]): Promise<FaceAnswer> {
    const present = await this.get(`imagestreams/${name}`);
    const isNew = present.status === 404;
    const stream = isNew ? wireImageStream({ name }) : present.body;
    const { spec } = stream as unknown as WireStream;
    const body = { ...stream, spec: { ...spec, tags: edit(spec.tags ?? []) } };
    return isNew ? this.send('POST', 'imagestreams', body) : this.send('PUT', `imagestreams/${name}`, body);
  }

  /** The one write of `oc import-image` and, with the name `newapp`, of the look of `oc new-app`. */
  import(
    name: string,
    spec: { readonly import: boolean; readonly images?: readonly object[]; readonly repository?: object },
    resourceVersion?: string,
  ): Promise<FaceAnswer> {
    const body = {
      kind: 'ImageStreamImport',
      apiVersion,
      metadata: { name, ...noTime, ...(resourceVersion !== undefined && { resourceVersion }) },
      spec,
      status: {},
    };
    return this.send('POST', 'imagestreamimports', body);
  }
}

/** What `oc describe is` prints of a tag below its name, without times and annotations (semantics 6.3). */
export function describedTag({ metadata, spec, status }: WireStream, name: string): readonly string[] {
  const tag = spec.tags?.find((each) => each.name === name);
  const entry = status.tags?.find((each) => each.tag === name);
  const conditions = entry?.conditions?.filter(({ type }) => type === 'ImportSuccess') ?? [];
  const items = entry?.items ?? [];
  const observed = Math.max(0, items[0]?.generation ?? 0, conditions[0]?.generation ?? 0);
  return [
    sourceLine(tag, metadata.namespace),
    ...notesOf(tag, observed),
    ...conditions
      .filter((condition) => condition.status === 'False')
      .map(({ reason, message }) => `! error: Import failed (${reason}): ${message}`),
    ...items.map(({ dockerImageReference }, i) => `${i === 0 ? '* ' : ''}${dockerImageReference}`),
  ];
}

/** Notes on a tag whose last import that came to an end was of this generation. */
function notesOf(tag: WireTag | undefined, observed: number): readonly string[] {
  if (tag === undefined) return [];
  const { from, reference, generation, importPolicy, referencePolicy } = tag;
  const isImporting = from !== undefined && !reference && (generation ?? 0) > observed;
  return [
    ...(importPolicy?.insecure ? ['will use insecure HTTPS or HTTP connections'] : []),
    ...(referencePolicy?.type === 'Local' ? ['prefer registry pullthrough when referencing this tag'] : []),
    ...(isImporting ? ['~ importing latest image ...'] : []),
  ];
}

function sourceLine(tag: WireTag | undefined, home: string): string {
  if (tag === undefined) return 'no spec tag';
  if (tag.from === undefined) return 'tag without source image';
  const { kind, name, namespace = home } = tag.from;
  const source = namespace === home ? name : `${namespace}/${name}`;
  const registry = kind === 'DockerImage' ? 'registry ' : '';
  if (tag.reference) return `reference to ${kind === 'ImageStreamImage' ? 'image ' : registry}${source}`;
  if (tag.importPolicy?.scheduled) return `updates automatically from ${registry}${source}`;
  return `tagged from ${source}`;
}
