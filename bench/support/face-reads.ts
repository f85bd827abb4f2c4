/** What is read of the face and, as its floor, of the custom resource behind it. */
import { imageStreams, resourcePath } from '../../src/api/resources.ts';
import { imageStreams as servedStreams } from '../../test/support/resources.ts';
import type { StatedStream } from './planned-state.ts';

const served = `/apis/${servedStreams.apiVersion}`;
/** Coprime to all counts of tags that are likely: neighbours are read far apart. */
const stride = 7_919;

/** Paths that ask for the same. */
export interface ReadPair {
  /** Of the face. */
  readonly face: string;
  /** Of the stored object. */
  readonly stored: string;
}

/** All tags, in an order in which none has to do with the one before. */
export function tagReads(streams: readonly StatedStream[]): (number: number) => ReadPair {
  const all = streams.flatMap(({ namespace, name, tags }) =>
    tags.map((tag) => ({
      face: `${served}/namespaces/${namespace}/imagestreamtags/${name}:${tag}`,
      stored: resourcePath(imageStreams, { namespace, name }),
    })),
  );
  return (number) => all[(number * stride) % all.length] ?? { face: '', stored: '' };
}

/** A collection as it is listed. */
export interface ListedCollection extends ReadPair {
  readonly name: string;
  readonly accept: string;
  /** How many times as long as the stored one it may take; undefined: there is no goal. */
  readonly goal?: number;
}

const storedList = resourcePath(imageStreams, {});
const asRows = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

/** Of all namespaces. */
export const listedCollections: readonly ListedCollection[] = [
  {
    name: 'imagestreams',
    face: `${served}/imagestreams`,
    stored: storedList,
    accept: 'application/json',
    goal: 1.3,
  },
  { name: 'imagestreams as rows', face: `${served}/imagestreams`, stored: storedList, accept: asRows },
  {
    name: 'imagestreamtags',
    face: `${served}/imagestreamtags`,
    stored: storedList,
    accept: 'application/json',
  },
];
