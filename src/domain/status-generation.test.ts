import { expect, it } from 'vitest';
import type { ImageStream, TagEvent } from '../api/generated/image-stream.ts';
import { withItemGenerations } from './status-generation.ts';

const item = (image: string, generation: number): TagEvent => ({
  created: '2026-01-01T00:00:00Z',
  dockerImageReference: `quay.io/a/b@${image}`,
  image,
  generation,
});

function streamWith(items: TagEvent[], generation?: number): ImageStream {
  const tag = { name: 'a', ...(generation === undefined ? {} : { generation }) };
  return {
    apiVersion: 'image.openshift.io/v1',
    kind: 'ImageStream',
    metadata: { name: 'web', generation: 7 },
    spec: { tags: [tag] },
    status: { tags: [{ tag: 'a', items }] },
  };
}

it.each([
  { name: 'stays where there is one', before: [item('x', 2)], sent: [item('y', 3)], own: 5, want: 3 },
  { name: "is the tag's for another image", before: [item('x', 2)], sent: [item('y', 0)], own: 5, want: 5 },
  {
    name: "is the stream's for the same image",
    before: [item('x', 2)],
    sent: [item('x', 0)],
    own: 5,
    want: 7,
  },
  { name: "is the stream's for the first image", before: [], sent: [item('y', 0)], own: 5, want: 7 },
  {
    name: "is the stream's for a tag that is not counted",
    before: [item('x', 2)],
    sent: [item('y', 0)],
    own: undefined,
    want: 7,
  },
])('the generation of the newest item $name', ({ before, sent, own, want }) => {
  const after = withItemGenerations(streamWith(sent, own), streamWith(before, own));
  expect(after.status?.tags?.[0]?.items?.[0]?.generation).toBe(want);
});

it.each([
  undefined,
  {},
  { tags: null },
  { tags: [{ tag: 'a' }] },
  { tags: [{ tag: 'a', items: 'x' }] },
  { tags: [null] },
])('a status of another form stays as it is: %j', (status) => {
  const sent = { ...streamWith([]), status } as unknown as ImageStream;
  expect(withItemGenerations(sent, streamWith([]))).toEqual(sent);
});

it('leaves what is no item to the API server', () => {
  const sent = streamWith([null as unknown as TagEvent]);
  expect(withItemGenerations(sent, streamWith([]))).toEqual(sent);
});
