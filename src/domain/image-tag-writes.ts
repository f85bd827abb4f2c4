/** What a write of an ImageTag `stream:tag` makes of the stream's spec (semantics 4.2). Pure. */
import type { ImageStream } from '../api/generated/image-stream.ts';
import { canonicalJson, isJsonObject, type JsonObject, textOf, valueAt } from '../api/json.ts';
import { type FieldFault, invalidFault, requiredFault } from './field-fault.ts';
import type { ViewedImageTag } from './reference-views.ts';
import { tagFaults } from './stream-validation.ts';
import { namedTag, readTag } from './tag-shape.ts';
import {
  countingTag,
  immutableFaults,
  type NamedTag,
  nameFaults,
  type PresentTag,
  type SentMetadata,
  sentMetadataOf,
  staleWrite,
  type TagWrite,
  withTag,
} from './tag-writes.ts';

/** An ImageTag as a client sent it. */
export interface WrittenImageTag extends SentMetadata {
  /** Undefined when there is none, or null. Without a name it has none here either. */
  readonly spec: JsonObject | undefined;
  readonly status: unknown;
}

const onlySpec = 'may not update fields other than spec';
/** What of the metadata may not be another. */
const keptMembers = ['labels', 'annotations', 'ownerReferences', 'finalizers'] as const;
/** Deeper than anything that a status holds. */
const maxDepth = 20;

/** Reads what was sent, or says what is no ImageTag. */
export function writtenImageTagOf(body: unknown): WrittenImageTag | { readonly problem: string } {
  const metadata = sentMetadataOf(body, 'ImageTag');
  if ('problem' in metadata) return metadata;
  const status = valueAt(body, ['status']);
  const sent = valueAt(body, ['spec']);
  if (sent === undefined || sent === null) return { ...metadata, status, spec: undefined };
  const read = readTag(sent, 'ImageTag.spec');
  return 'problem' in read ? read : { ...metadata, status, spec: read.tag };
}

/** A tag that is created. */
export function createdImageTag(present: PresentTag, target: NamedTag, sent: WrittenImageTag): TagWrite {
  const spec = sent.spec === undefined ? undefined : { name: target.tag, ...nonEmptyName(sent.spec) };
  const faults = [...nameFaults(target), ...createdFaults(spec, target)];
  if (faults.length > 0 || spec === undefined) return { kind: 'invalid', faults };
  if (countingTag(present, target.tag) !== undefined) return { kind: 'exists' };
  return withTag(present.stream, target, { before: undefined, next: namedTag(spec, target.tag) });
}

/**
 * A tag that is replaced, made, or (without a spec) taken out of the spec, which leaves its history. `view` is what a client sees now,
 * undefined without a stream; the rest of it has to be sent as it is.
 */
export function updatedImageTag(
  present: PresentTag & { readonly view: ViewedImageTag | undefined },
  target: NamedTag,
  sent: WrittenImageTag,
): TagWrite {
  const { stream, view } = present;
  const outdated = staleWrite(stream, sent);
  if (outdated !== undefined) return outdated;
  const before = countingTag(present, target.tag);
  const faults = [
    ...(before === undefined ? nameFaults(target) : []),
    ...(stream === undefined || view === undefined
      ? createdFaults(sent.spec, target)
      : [...specFaults(sent.spec, target), ...immutableFaults(stream, sent), ...changeFaults(view, sent)]),
  ];
  if (faults.length > 0) return { kind: 'invalid', faults };
  if (sent.spec !== undefined)
    return withTag(stream, target, { before, next: namedTag(sent.spec, target.tag) });
  if (before === undefined && view?.status === null) return { kind: 'absent' };
  return takenOut(stream, target);
}

function takenOut(stream: ImageStream | undefined, { tag }: NamedTag): TagWrite {
  const tags = (stream?.spec?.tags ?? []).filter(({ name }) => name !== tag);
  return { kind: 'write', tags, written: undefined, isNew: false, isChanged: false };
}

function createdFaults(spec: JsonObject | undefined, target: NamedTag): FieldFault[] {
  if (spec === undefined) return [requiredFault('spec', 'spec is a required field during creation')];
  return specFaults(spec, target);
}

function specFaults(spec: JsonObject | undefined, { tag }: NamedTag): FieldFault[] {
  if (spec === undefined) return [];
  const name = textOf(spec['name']) ?? '';
  return [
    ...(name === tag ? [] : [invalidFault('spec.name', name, 'must match image tag name')]),
    ...tagFaults(spec, 'spec'),
  ];
}

function changeFaults(view: ViewedImageTag, { all, status }: WrittenImageTag): FieldFault[] {
  const seen: Readonly<Record<string, unknown>> = { ...view.metadata };
  const faults: FieldFault[] = [];
  if (keptMembers.some((member) => !isSame(seen[member], all[member])))
    faults.push(invalidFault('metadata', '', onlySpec));
  if (!isSame(view.status, status)) faults.push(invalidFault('status', '', onlySpec));
  return faults;
}

function nonEmptyName(spec: JsonObject): JsonObject {
  const { name, ...rest } = spec;
  return name === '' ? rest : spec;
}

/** What is empty counts as absent. */
function isSame(a: unknown, b: unknown): boolean {
  return canonicalJson(pruned(a, 0)) === canonicalJson(pruned(b, 0));
}

function pruned(value: unknown, depth: number): unknown {
  if (depth > maxDepth) return null;
  if (Array.isArray(value)) return value.length === 0 ? null : value.map((item) => pruned(item, depth + 1));
  if (!isJsonObject(value)) return value ?? null;
  const members = Object.entries(value)
    .map(([name, member]) => [name, pruned(member, depth + 1)] as const)
    .filter(([, member]) => member !== null);
  return members.length === 0 ? null : Object.fromEntries(members);
}
