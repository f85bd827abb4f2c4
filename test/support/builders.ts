import type {
  ImageStream,
  NamedTagEventList,
  TagEvent,
  TagReference,
} from '../../src/api/generated/image-stream.ts';
import type { TriggeredWorkload } from '../../src/api/workload.ts';
import type { CheckState, ImportSettings, PlanFacts } from '../../src/domain/import-plan.ts';
import type { SourceStreams } from '../../src/domain/tag-source.ts';

/** A digest that is one hexadecimal digit repeated. */
export function digest(digit: string): string {
  return `sha256:${digit.repeat(64)}`;
}

/** A stream `apps/web` of generation 1, with the given tags and status entries. */
export function streamOf(
  tags: readonly TagReference[],
  statusTags?: readonly NamedTagEventList[],
  metadata: Partial<ImageStream['metadata']> = {},
): ImageStream {
  return {
    apiVersion: 'image.openshift.io/v1',
    kind: 'ImageStream',
    metadata: { namespace: 'apps', name: 'web', uid: 'u1', resourceVersion: '7', generation: 1, ...metadata },
    spec: { tags: [...tags] },
    ...(statusTags === undefined ? {} : { status: { tags: [...statusTags] } }),
  };
}

/** A tag that points at an image in a registry. */
export function dockerTag(name: string, image: string, more: Partial<TagReference> = {}): TagReference {
  return { name, from: { kind: 'DockerImage', name: image }, ...more };
}

/** A tag that points at another tag: of its own stream, or of the one that is named before the `:`. */
export function linkTag(name: string, target: string, more: Partial<TagReference> = {}): TagReference {
  return { name, from: { kind: 'ImageStreamTag', name: target }, ...more };
}

/** A history item with the image whose digest is one hexadecimal digit repeated. */
export function itemOf(digit: string, more: Partial<TagEvent> = {}): TagEvent {
  const image = digest(digit);
  const dockerImageReference = `r.example/app@${image}`;
  return { created: '2025-12-01T00:00:00Z', dockerImageReference, image, generation: 1, ...more };
}

/** Import settings of tests: what the operator has by default. */
export const importSettings: ImportSettings = {
  importMode: 'Legacy',
  platform: { os: 'linux', architecture: 'amd64' },
  schedulePeriodMs: 900_000,
  localRegistry: undefined,
};

/** Checks of a process that has just looked at everything. */
export function checksOf(more: Partial<CheckState> = {}): CheckState {
  return { checkedAt: () => Number.MAX_SAFE_INTEGER, announced: () => false, stretch: () => 1, ...more };
}

/** What a plan is made from, where no other stream is there. */
export function factsOf(more: Partial<CheckState> = {}, streams: SourceStreams = () => undefined): PlanFacts {
  return { checks: checksOf(more), streams };
}

/** A Deployment `apps/web` as the trigger controller keeps it, with one container `web`. */
export function workloadOf(triggers: unknown, more: Partial<TriggeredWorkload> = {}): TriggeredWorkload {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    namespace: 'apps',
    name: 'web',
    uid: 'u2',
    resourceVersion: '9',
    triggers: typeof triggers === 'string' ? triggers : JSON.stringify(triggers),
    podSpecPath: 'spec.template.spec',
    mode: undefined,
    hold: undefined,
    templateImages: undefined,
    containers: [{ name: 'web', image: ' ' }],
    initContainers: [],
    ...more,
  };
}
