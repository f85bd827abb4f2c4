/**
 * What has to come of a script of actions, whatever happens to the operator meanwhile. Pure. Images are known by names such as
 * `app-0/t1#3`: the fourth one that was pushed under the tag `t1` of the repository `app-0`.
 */

/** Namespaces by what they are for: `stranger` has no leave to use the images of `own`, `shared` has. */
export type Role = 'own' | 'shared' | 'stranger';

/** A stream: `own/app-0`. */
export type StreamKey = `${Role}/${string}`;

/** Where a tag gets its image from. */
export type Source =
  /** A tag in the registry: `app-0/t1`. */
  | { readonly kind: 'registry'; readonly ref: string }
  /** Follows a tag of its stream. */
  | { readonly kind: 'link'; readonly tag: string }
  /** Takes what a tag of another stream has, when it is asked to. */
  | { readonly kind: 'copy'; readonly stream: StreamKey; readonly tag: string };

/** What a workload is. */
export type WorkloadKind = 'Deployment' | 'CronJob' | 'Job';

/** A workload with one container that follows a tag. */
export interface PlannedWorkload {
  readonly kind: WorkloadKind;
  readonly role: Role;
  /** No two workloads have the same, ever. */
  readonly name: string;
  readonly stream: StreamKey;
  readonly tag: string;
}

/** What people do. One is over before the next begins; those that wait for the operator say so. */
export type Action =
  | { readonly kind: 'push'; readonly ref: string; readonly image: string }
  | {
      readonly kind: 'create stream';
      readonly stream: StreamKey;
      readonly tags: Readonly<Record<string, Source>>;
      /** Its tags are looked at by a schedule, and nobody asks for imports. */
      readonly isScheduled?: boolean;
    }
  | { readonly kind: 'delete stream'; readonly stream: StreamKey }
  /** Writes a tag into the spec; without a source it is taken out and keeps its history. */
  | {
      readonly kind: 'set tag';
      readonly stream: StreamKey;
      readonly tag: string;
      readonly source: Source | undefined;
      /** Asks for an import in the same write. */
      readonly request: boolean;
    }
  | { readonly kind: 'request'; readonly stream: StreamKey }
  /** Creates an ImageStreamTag that declares the tag, or changes its source. */
  | { readonly kind: 'declare'; readonly stream: StreamKey; readonly tag: string; readonly source: Source }
  /** Deletes that one and waits until the tag has gone with its history. */
  | { readonly kind: 'undeclare'; readonly stream: StreamKey; readonly tag: string }
  /** Takes a tag out of the spec, waits until that was seen, deletes its ImageStreamTag, and waits until the tag has gone. */
  | { readonly kind: 'drop tag'; readonly stream: StreamKey; readonly tag: string }
  /** Deletes the ImageStreamTag of a tag that is in the spec: it comes back. */
  | { readonly kind: 'delete tag object'; readonly stream: StreamKey; readonly tag: string }
  /** Asks for imports and waits until each tag has the image that it should have. Sources of copies come first. */
  | { readonly kind: 'settle'; readonly streams: readonly StreamKey[] }
  | { readonly kind: 'add workloads'; readonly workloads: readonly PlannedWorkload[] }
  | { readonly kind: 'remove workload'; readonly name: string };

/** An image that a history may hold. */
export interface Entry {
  readonly image: string;
  /** False for one that may have moved on before anybody saw it. */
  isCertain: boolean;
}

/** A tag as it should be. */
export interface TagModel {
  source: Source | undefined;
  readonly isDeclared: boolean;
  /** Oldest first; no image stands twice in a row. */
  entries: Entry[];
  /** Of a copy: it may still take what its source gets. */
  isOpen: boolean;
  /** It was created together with the tag that it follows, and has followed no other: their histories are the same. */
  isTwin: boolean;
}

/** A stream as it should be. */
export interface StreamModel {
  readonly isScheduled: boolean;
  readonly tags: Map<string, TagModel>;
}

/** A workload as it should be. */
export interface WorkloadModel extends PlannedWorkload {
  /** The images that it may have had, oldest first: the last one is what it has when all is quiet. */
  readonly images: string[];
}

/** All of a script so far. */
export class ChaosModel {
  /** By tag in the registry what it stands for. */
  readonly registry = new Map<string, string>();
  readonly streams = new Map<StreamKey, StreamModel>();
  /** By name. */
  readonly workloads = new Map<string, WorkloadModel>();
  /** Those that were deleted: what was written to them counts too. */
  readonly removed = new Map<string, WorkloadModel>();

  /** @throws Error when there is no such tag. */
  tag(stream: StreamKey, tag: string): TagModel {
    const found = this.streams.get(stream)?.tags.get(tag);
    if (found === undefined) throw new Error(`the script has no tag ${stream}:${tag}`);
    return found;
  }

  /** The whole of an action. */
  apply(action: Action): void {
    this.begin(action);
    this.end(action);
  }

  /** What may come of an action from the moment on in which it is done. */
  begin(action: Action): void {
    switch (action.kind) {
      case 'push':
        this.#push(action.ref, action.image);
        break;
      case 'create stream':
        this.#create(action);
        break;
      case 'delete stream':
        this.streams.delete(action.stream);
        break;
      case 'set tag':
        this.#setSource(action.stream, action.tag, action.source);
        if (action.request) this.#openCopies(action.stream);
        break;
      case 'declare':
        this.#setSource(action.stream, action.tag, action.source, true);
        break;
      case 'request':
        this.#openCopies(action.stream);
        break;
      case 'add workloads':
        for (const planned of action.workloads) this.#addWorkload(planned);
        break;
      case 'remove workload':
        this.#remove(action.name);
        break;
      case 'settle':
        for (const stream of action.streams) this.#openCopies(stream);
        break;
      default:
      // What is taken away may stay for a moment.
    }
  }

  /** What is certain when an action is over. */
  end(action: Action): void {
    if (action.kind === 'undeclare' || action.kind === 'drop tag')
      this.streams.get(action.stream)?.tags.delete(action.tag);
    if (action.kind !== 'settle') return;
    for (const stream of action.streams) {
      for (const tag of this.streams.get(stream)?.tags.values() ?? []) {
        const last = tag.entries.at(-1);
        if (last !== undefined) last.isCertain = true;
        tag.isOpen = false;
      }
    }
  }

  /** What a tag may stand for at the moment, oldest first. */
  #candidates(stream: StreamKey, tag: string): readonly string[] {
    const entries = this.streams.get(stream)?.tags.get(tag)?.entries ?? [];
    const from = entries.findLastIndex(({ isCertain }) => isCertain);
    return entries.slice(Math.max(from, 0)).map(({ image }) => image);
  }

  #push(ref: string, image: string): void {
    this.registry.set(ref, image);
    const isOfRef = (source: Source | undefined): boolean =>
      source?.kind === 'registry' && source.ref === ref;
    for (const [key, { tags }] of this.streams) {
      for (const [name, { source }] of tags) if (isOfRef(source)) this.#append(key, name, image);
    }
  }

  #create({ stream, isScheduled = false, tags }: Extract<Action, { kind: 'create stream' }>): void {
    this.streams.set(stream, { isScheduled, tags: new Map() });
    for (const [name, source] of Object.entries(tags)) {
      this.#setSource(stream, name, source);
      this.tag(stream, name).isTwin = source.kind === 'link';
    }
  }

  #remove(name: string): void {
    const workload = this.workloads.get(name);
    if (workload !== undefined) this.removed.set(name, workload);
    this.workloads.delete(name);
  }

  #setSource(stream: StreamKey, name: string, source: Source | undefined, isDeclared = false): void {
    const tags = this.streams.get(stream)?.tags;
    if (tags === undefined) throw new Error(`the script has no stream ${stream}`);
    const tag = tags.get(name) ?? { source, isDeclared, entries: [], isOpen: false, isTwin: false };
    tags.set(name, tag);
    tag.source = source;
    tag.isTwin = false;
    if (source?.kind === 'registry') this.#append(stream, name, this.registry.get(source.ref));
    if (source?.kind === 'link')
      for (const image of this.#candidates(stream, source.tag)) this.#append(stream, name, image);
    if (source?.kind === 'copy') this.#openCopy(stream, name, tag);
  }

  #openCopies(stream: StreamKey): void {
    for (const [name, tag] of this.streams.get(stream)?.tags ?? []) this.#openCopy(stream, name, tag);
  }

  #openCopy(stream: StreamKey, name: string, tag: TagModel): void {
    const { source } = tag;
    if (source?.kind !== 'copy' || !mayUse(roleOf(stream), source.stream)) return;
    tag.isOpen = true;
    for (const image of this.#candidates(source.stream, source.tag)) this.#append(stream, name, image);
  }

  #addWorkload(planned: PlannedWorkload): void {
    const workload: WorkloadModel = { ...planned, images: [] };
    this.workloads.set(planned.name, workload);
    if (!mayUse(planned.role, planned.stream)) return;
    for (const image of this.#candidates(planned.stream, planned.tag)) move(workload, image);
  }

  /** A tag may have another image from now on, and whatever follows it with it. */
  #append(key: StreamKey, name: string, image: string | undefined): void {
    const tag = this.tag(key, name);
    if (image === undefined || tag.entries.at(-1)?.image === image) return;
    tag.entries.push({ image, isCertain: false });
    for (const [followingKey, following] of this.#following(key, name))
      this.#append(followingKey, following, image);
    for (const workload of this.workloads.values())
      if (workload.stream === key && workload.tag === name && mayUse(workload.role, key))
        move(workload, image);
  }

  /** Links in the same stream, and open copies anywhere. */
  #following(key: StreamKey, name: string): readonly (readonly [StreamKey, string])[] {
    const found: [StreamKey, string][] = [];
    for (const [other, { source }] of this.streams.get(key)?.tags ?? [])
      if (source?.kind === 'link' && source.tag === name) found.push([key, other]);
    const isCopy = ({ source, isOpen }: TagModel): boolean =>
      isOpen && source?.kind === 'copy' && source.stream === key && source.tag === name;
    for (const [otherKey, { tags }] of this.streams)
      for (const [other, tag] of tags) if (isCopy(tag)) found.push([otherKey, other]);
    return found;
  }
}

/** The namespace of a stream. */
export function roleOf(stream: StreamKey): Role {
  return stream.slice(0, stream.indexOf('/')) as Role;
}

/** The name of a stream in its namespace. */
export function nameOf(stream: StreamKey): string {
  return stream.slice(stream.indexOf('/') + 1);
}

/** Whether a namespace has leave to use the images of a stream. */
export function mayUse(role: Role, stream: StreamKey): boolean {
  return role === roleOf(stream) || role === 'shared';
}

function move({ images }: WorkloadModel, image: string): void {
  if (images.at(-1) !== image) images.push(image);
}
