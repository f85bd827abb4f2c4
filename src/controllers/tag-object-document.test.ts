import { expect, it } from 'vitest';
import { digest, streamOf } from '../../test/support/builders.ts';
import type { Image } from '../api/generated/image.ts';
import type { ImageStreamTag } from '../api/generated/image-stream-tag.ts';
import type { TagObjectContent } from '../domain/tag-object.ts';
import { imageShownBy, tagObjectDocument } from './tag-object-document.ts';

const name = digest('a');
const dockerImageReference = `r.example/app@${name}`;
const image: Image = {
  apiVersion: 'image.openshift.io/v1crd',
  kind: 'Image',
  metadata: {
    name: name.replace(':', '-'),
    annotations: {
      'image.openshift.io/dockerLayersOrder': 'ascending',
      'imagestream-operator/omitted': 'Labels',
    },
  },
  dockerImageReference,
  dockerImageMetadata: { Architecture: 'amd64' },
};
const content: TagObjectContent = {
  tag: undefined,
  generation: 1,
  lookupPolicy: { local: false },
  conditions: [],
  image: { digest: name, dockerImageReference },
  annotations: { description: 'of the tag' },
  updated: undefined,
};

function shown(more: Partial<TagObjectContent> = {}): ImageStreamTag {
  const parts = { stream: streamOf([]), name: 'web.1', tag: '1', known: undefined, now: '' };
  return tagObjectDocument({ ...parts, content: { ...content, ...more }, image });
}

it('gives back the Image that it shows, without the annotations of the tag', () => {
  expect(shown().image?.metadata?.annotations).toMatchObject(content.annotations);
  expect(imageShownBy(shown(), name)).toEqual(image);
});

it.each([
  { shows: 'another image', object: shown({ image: { digest: digest('b'), dockerImageReference } }) },
  { shows: 'a pull spec only', object: shown({ image: { digest: '', dockerImageReference } }) },
  { shows: 'no image', object: shown({ image: undefined }) },
])('gives no Image when it shows $shows', ({ object }) => {
  expect(imageShownBy(object, name)).toBeUndefined();
});
