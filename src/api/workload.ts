/** What the operator keeps of a workload: only what a trigger needs, so that tens of thousands fit into memory. */

/** A container's name and image; an image may be a placeholder such as one blank. */
export interface ContainerImage {
  readonly name: string;
  readonly image: string;
}

/** The two lists of a pod spec that triggers can address. */
export type ContainerList = 'containers' | 'initContainers';

/** What a trigger needs to know of a Job beyond other workloads: it has to be replaced. */
export interface JobState {
  /** The text of its annotation. */
  readonly policy: string | undefined;
  /** `idle` when it was suspended from the beginning, `active` from its start to its end. */
  readonly phase: 'idle' | 'active' | 'finished';
  readonly isDeleting: boolean;
}

/** A workload with a trigger annotation. */
export interface TriggeredWorkload {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** The annotation's text as it is on the object. */
  readonly triggers: string;
  /** Dotted path of the pod spec in the object, for example `spec.template.spec`. */
  readonly podSpecPath: string;
  /** Of a kind that has one image instead of a pod spec: its path, and where that leads to in this object. */
  readonly imagePath?: string;
  readonly imagePointer?: string;
  /** The texts of its other annotations that the operator reads. */
  readonly mode: string | undefined;
  readonly hold: string | undefined;
  /** What the pod template says about the images of its triggers. */
  readonly templateImages: string | undefined;
  readonly containers: readonly ContainerImage[];
  readonly initContainers: readonly ContainerImage[];
  /** Only of a Job. */
  readonly job?: JobState;
}
