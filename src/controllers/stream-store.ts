/** The streams of the cluster in memory: ten thousand with five tags each take ten megabytes. */
import { lastAppliedKey } from '../api/annotations.ts';
import type { ImageStream } from '../api/generated/image-stream.ts';
import { Store } from '../kube/store.ts';
import { compressedCodec } from '../runtime/codec.ts';

/** Names and words that most streams have in them: what the compression of each one starts from. */
const streamSample = JSON.stringify({
  apiVersion: 'image.openshift.io/v1',
  kind: 'ImageStream',
  metadata: { annotations: {}, creationTimestamp: '', generation: 1, name: '', namespace: '', uid: '' },
  spec: {
    lookupPolicy: { local: false },
    tags: [
      {
        annotations: {
          description: '',
          iconClass: '',
          'openshift.io/display-name': '',
          tags: '',
          version: '',
        },
        from: { kind: 'ImageStreamTag', name: 'latest' },
        importPolicy: { importMode: 'PreserveOriginal', insecure: true, scheduled: true },
        name: 'latest',
        referencePolicy: { type: 'Local' },
      },
    ],
  },
  status: {
    conditions: [
      {
        lastTransitionTime: '2026-01-01T00:00:00Z',
        message: ' tags are up to date',
        observedGeneration: 1,
        reason: 'TagsImported',
        status: 'True',
        type: 'Ready',
      },
    ],
    dockerImageRepository: '',
    lastUpdated: '',
    observedGeneration: 1,
    tagSummary: '',
    tags: [
      {
        conditions: [{ generation: 1, message: '', reason: '', status: 'False', type: 'ImportSuccess' }],
        hasImageStreamTag: true,
        items: [
          {
            created: '2026-01-01T00:00:00Z',
            dockerImageReference: '@sha256:',
            generation: 1,
            image: 'sha256:',
          },
        ],
        lastImport: {
          attemptedAt: '2026-01-01T00:00:00Z',
          digest: 'sha256:',
          from: { kind: 'DockerImage', name: 'quay.io/' },
          generation: 1,
          requested: '2026-01-01T00:00:00Z',
        },
        tag: 'latest',
      },
    ],
  },
});

/** A store for streams. Two answers about one stream may be two objects. */
export function createStreamStore(): Store<ImageStream> {
  return new Store<ImageStream>((stream) => stream.metadata.resourceVersion ?? '', {
    codec: compressedCodec(streamSample),
  });
}

/** A stream without what only the API server and kubectl need: it is half of the object. */
export function keepStream(stream: ImageStream): ImageStream {
  const { managedFields: _, annotations, ...metadata } = stream.metadata;
  if (annotations === undefined) return { ...stream, metadata };
  const { [lastAppliedKey]: _applied, ...kept } = annotations;
  return { ...stream, metadata: { ...metadata, annotations: kept } };
}
