/** Whether the source of a tag within the cluster is there when the tag is written, in the reference's words (semantics 1.7). Pure. */
import type { ImageStream, TagReference } from '../api/generated/image-stream.ts';
import { textOf } from '../api/json.ts';
import { imageGroup } from '../api/resources.ts';
import { type FieldFault, invalidFault, notFoundFault } from './field-fault.ts';
import { type LocalSource, localSource, matchingImages } from './tag-source.ts';

/** Where a stream is, or will be. */
export interface StreamPlace {
  readonly namespace: string;
  readonly name: string;
}

/** A source that is to be looked at. */
export interface WantedSource {
  readonly source: LocalSource;
  /** True when it is the stream that the tag is in. */
  readonly isOwn: boolean;
  /** The name as it was written. */
  readonly name: string;
  /** `spec.tags[<name>].from` */
  readonly field: string;
}

/** What the custom resource takes too. */
const forms = {
  ImageStreamTag: /^(?:[^:@/\s]+:)?[^:@/\s]+$/,
  ImageStreamImage: /^(?:[^:@/\s]+@)?[^@/\s]+$/,
} as const;
/** Images that an ambiguous beginning is answered with. */
const maxShown = 5;

/** The source of a tag of a stream, or what is wrong with its form; undefined for one in a registry, and for none. */
export function wantedSource(place: StreamPlace, tag: TagReference): WantedSource | FieldFault | undefined {
  const { from, name: tagName } = tag;
  if (!from || (from.kind !== 'ImageStreamTag' && from.kind !== 'ImageStreamImage')) return undefined;
  const field = `spec.tags[${tagName}].from`;
  const { namespace, name } = place;
  const stream: ImageStream = {
    apiVersion: `${imageGroup}/v1`,
    kind: 'ImageStream',
    metadata: { namespace, name },
  };
  // A stream that was sent need not have one.
  const written = textOf(from.name) ?? '';
  const source = forms[from.kind].test(written) ? localSource(stream, { ...tag, from }) : undefined;
  if (source === undefined)
    return invalidFault(
      `${field}.name`,
      written,
      'must be of the form <tag>, <repo>:<tag>, <id>, or <repo>@<id>',
    );
  const isOwn = source.stream === name && source.namespace === namespace;
  return { source, isOwn, name: from.name, field };
}

/**
 * What is wrong with a source, given its stream (undefined: there is none). A tag that a stream does not have is fine: it may come.
 */
export function sourceFault(
  { source, isOwn, name, field }: WantedSource,
  stream: ImageStream | undefined,
): FieldFault | undefined {
  if (stream === undefined && !isOwn) return notFoundFault(`${field}.name`, name);
  if (source.kind === 'tag') return undefined;
  const images = [...new Set(matchingImages(stream, source.id).map(({ image }) => image))].sort();
  if (images.length === 1) return undefined;
  const what = `imagestreamimage.${imageGroup} ${JSON.stringify(source.id)}`;
  const shown = images.slice(0, maxShown).join(', ');
  const problem =
    images.length === 0
      ? `${what} not found`
      : `Operation cannot be fulfilled on ${what}: multiple images match the prefix ${JSON.stringify(source.id)}: ${shown}`;
  return invalidFault(`${field}.name`, name, `error generating tag event: ${problem}`);
}
