import { describe, expect, it } from 'vitest';

import { digest, dockerTag, itemOf, linkTag, streamOf } from '../../test/support/builders.ts';
import type { ImageStream, TagReference } from '../api/generated/image-stream.ts';
import { sourceFault, wantedSource } from './source-validation.ts';

const place = { namespace: 'apps', name: 'web' };
const imageTag = (name: string, namespace?: string): TagReference => ({
  name: 'x',
  from: { kind: 'ImageStreamImage', name, ...(namespace === undefined ? {} : { namespace }) },
});

/** What is wrong with the source of a tag; `stream` is the one that it names. */
function faultOf(tag: TagReference, stream?: ImageStream): string | undefined {
  const wanted = wantedSource(place, tag);
  if (wanted === undefined) return undefined;
  const fault = 'source' in wanted ? sourceFault(wanted, stream) : wanted;
  return fault === undefined ? undefined : `${fault.field}: ${fault.message}`;
}

describe('the source of a tag', () => {
  const images = streamOf([], [{ tag: 'a', items: [itemOf('a'), itemOf('b'), itemOf('a')] }]);
  const wrongForm = 'must be of the form <tag>, <repo>:<tag>, <id>, or <repo>@<id>';
  const missing = (id: string): string =>
    `error generating tag event: imagestreamimage.image.openshift.io "${id}" not found`;

  it.each([
    { name: 'in a registry', tag: dockerTag('x', 'quay.io/a'), stream: undefined, fault: undefined },
    { name: 'that is none', tag: { name: 'x' }, stream: undefined, fault: undefined },
    { name: 'a tag that may come', tag: linkTag('x', 'other:y'), stream: images, fault: undefined },
    {
      name: 'a tag of the stream that is being made',
      tag: linkTag('x', 'y'),
      stream: undefined,
      fault: undefined,
    },
    {
      name: 'the stream itself by its name',
      tag: linkTag('x', 'web:y'),
      stream: undefined,
      fault: undefined,
    },
    {
      name: 'a stream that is not there',
      tag: linkTag('x', 'other:y'),
      stream: undefined,
      fault: 'spec.tags[x].from.name: Not found: "other:y"',
    },
    {
      name: 'an image by its digest',
      tag: imageTag(`other@${digest('a')}`),
      stream: images,
      fault: undefined,
    },
    { name: 'an image by a few digits', tag: imageTag('other@bbb'), stream: images, fault: undefined },
    {
      name: 'an image that is not there',
      tag: imageTag('other@ccc'),
      stream: images,
      fault: `spec.tags[x].from.name: Invalid value: "other@ccc": ${missing('ccc')}`,
    },
    {
      name: 'an image of the stream that is being made',
      tag: imageTag('ccc'),
      stream: undefined,
      fault: `spec.tags[x].from.name: Invalid value: "ccc": ${missing('ccc')}`,
    },
    {
      name: 'the beginning of two images',
      tag: imageTag('other@sha256:'),
      stream: images,
      fault: `spec.tags[x].from.name: Invalid value: "other@sha256:": error generating tag event: Operation cannot be fulfilled on imagestreamimage.image.openshift.io "sha256:": multiple images match the prefix "sha256:": ${digest('a')}, ${digest('b')}`,
    },
    ...['a:b:c', ':b', 'a:', 'a/b', 'a b', ''].map((form) => ({
      name: `a tag ${form}`,
      tag: linkTag('x', form),
      stream: images,
      fault: `spec.tags[x].from.name: Invalid value: "${form}": ${wrongForm}`,
    })),
    {
      name: 'a tag without a name, as a client may send it',
      tag: { name: 'x', from: { kind: 'ImageStreamTag' } } as TagReference,
      stream: images,
      fault: `spec.tags[x].from.name: Invalid value: "": ${wrongForm}`,
    },
    ...['a@b@c', '@b', 'a@'].map((form) => ({
      name: `an image ${form}`,
      tag: imageTag(form),
      stream: images,
      fault: `spec.tags[x].from.name: Invalid value: "${form}": ${wrongForm}`,
    })),
  ])('$name: $fault', ({ tag, stream, fault }) => {
    expect(faultOf(tag, stream)).toBe(fault);
  });

  it('is another stream in another namespace, even under its own name', () => {
    expect(wantedSource(place, imageTag('web@a', 'other'))).toMatchObject({
      isOwn: false,
      source: { namespace: 'other', stream: 'web' },
    });
    expect(wantedSource(place, imageTag('web@a', 'apps'))).toMatchObject({ isOwn: true });
  });
});
