// Generated from crds/imagestreams.yaml by scripts/generate-api-types.ts.
// Do not edit: change the CRD and run `npm run generate`.
import type { ObjectMeta } from '../objects.ts';

/**
 * An image stream gives container images stable names. Each of its tags follows a source, remembers every image that the source has had, and can trigger workloads when it gets a new one.
 */
export interface ImageStream {
  apiVersion: 'image.openshift.io/v1' | 'image.openshift.io/v1crd';
  kind: 'ImageStream';
  metadata: ObjectMeta;
  spec?: ImageStreamSpec;
  status?: ImageStreamStatus;
}
/**
 * What the stream should hold. The operator never writes here.
 */
export interface ImageStreamSpec {
  lookupPolicy?: ImageLookupPolicy;
  /**
   * A remote repository whose tags are all imported, without tag or digest. Deprecated in OpenShift: list the wanted tags in spec.tags.
   */
  dockerImageRepository?: string;
  /**
   * The tags of the stream and where each comes from.
   */
  tags?: TagReference[] | null;
}
/**
 * How pods of the same namespace may name this stream's images.
 */
export interface ImageLookupPolicy {
  /**
   * True lets a pod of this namespace use a short image name, such as python:3.6, for the tag 3.6 of the stream python.
   */
  local?: boolean;
}
/**
 * One tag and its source.
 */
export interface TagReference {
  /**
   * The tag, for example 3.6 or latest.
   */
  name: string;
  /**
   * Free annotations of the tag. They are shown on its ImageStreamTag.
   */
  annotations?: {
    [k: string]: string;
  } | null;
  /**
   * The source of the tag. Without one the tag keeps what it has, or gets its images by push.
   */
  from?: ObjectReference | null;
  /**
   * True records the source's pull spec as it is and never contacts the registry; consumers then get that pull spec, not a digest.
   */
  reference?: boolean;
  /**
   * Counts what was asked of this tag. Setting it to 0 asks for one more import; leave it out otherwise.
   */
  generation?: number | null;
  importPolicy?: TagImportPolicy;
  referencePolicy?: TagReferencePolicy;
}
/**
 * The source of the tag. Without one the tag keeps what it has, or gets its images by push.
 */
export interface ObjectReference {
  /**
   * DockerImage for an image in a registry, ImageStreamTag for another tag, ImageStreamImage for one image out of a stream's history.
   */
  kind: 'DockerImage' | 'ImageStreamTag' | 'ImageStreamImage';
  /**
   * For DockerImage a pull spec (quay.io/org/app:1.2), for ImageStreamTag <tag> or <stream>:<tag>, for ImageStreamImage <id> or <stream>@<id>.
   */
  name: string;
  /**
   * The namespace of the other stream; empty means this one. Not used for DockerImage.
   */
  namespace?: string;
  /**
   * Accepted, not used.
   */
  apiVersion?: string;
  /**
   * Accepted, not used.
   */
  uid?: string;
  /**
   * Accepted, not used.
   */
  resourceVersion?: string;
  /**
   * Accepted, not used.
   */
  fieldPath?: string;
}
/**
 * How the tag is imported from its registry.
 */
export interface TagImportPolicy {
  /**
   * True accepts any TLS certificate of the registry, and plain HTTP.
   */
  insecure?: boolean;
  /**
   * True checks the source again and again; only for kind DockerImage.
   */
  scheduled?: boolean;
  /**
   * What to keep of an image for several platforms: Legacy keeps the image of one platform, PreserveOriginal the whole index. Empty follows the operator's setting.
   */
  importMode?: '' | 'Legacy' | 'PreserveOriginal';
}
/**
 * Which pull spec consumers of the tag get.
 */
export interface TagReferencePolicy {
  /**
   * Source gives the place that the image was imported from, Local the stream's own repository when there is one. Empty means Source.
   */
  type?: '' | 'Source' | 'Local';
}
/**
 * What the stream holds. Written by the operator.
 */
export interface ImageStreamStatus {
  /**
   * The repository that serves the stream's tags, if any.
   */
  dockerImageRepository?: string;
  /**
   * The same repository as seen from outside of the cluster, if any.
   */
  publicDockerImageRepository?: string;
  /**
   * Per tag the images that it has pointed at, and what is wrong with it.
   */
  tags?: NamedTagEventList[];
  repositoryImport?: ImageStreamStatusRepositoryImport;
  /**
   * The generation of the spec that this status answers.
   */
  observedGeneration?: number;
  /**
   * The tags with an image, newest first, shortened to fit a column of a table.
   */
  tagSummary?: string;
  /**
   * When a tag of the stream last got a new image.
   */
  lastUpdated?: string;
  /**
   * The state of the whole stream.
   */
  conditions?: Condition[];
}
/**
 * The history and the state of one tag.
 */
export interface NamedTagEventList {
  /**
   * The tag.
   */
  tag: string;
  /**
   * The images of the tag, newest first. The first is what consumers get.
   */
  items?: TagEvent[];
  /**
   * What went wrong with the tag; empty when all is well.
   */
  conditions?: TagEventCondition[];
  lastImport?: TagLastImport;
  /**
   * Whether an ImageStreamTag was seen for this tag. When that is deleted, a tag that the spec does not have goes with it.
   */
  hasImageStreamTag?: boolean;
}
/**
 * One image that the tag has pointed at.
 */
export interface TagEvent {
  /**
   * When the tag got this image.
   */
  created: string;
  /**
   * The pull spec of the image.
   */
  dockerImageReference: string;
  /**
   * The digest of the image; empty for a tag that only records a reference.
   */
  image: string;
  /**
   * The generation of the spec (of the tag or the stream) that led to this image.
   */
  generation: number;
}
/**
 * One fact about the state of a tag.
 */
export interface TagEventCondition {
  /**
   * What the condition is about, for example ImportSuccess.
   */
  type: string;
  /**
   * Whether it holds.
   */
  status: 'True' | 'False' | 'Unknown';
  /**
   * When the status last changed.
   */
  lastTransitionTime?: string;
  /**
   * Why, in one word for programs.
   */
  reason?: string;
  /**
   * Why, for people.
   */
  message?: string;
  /**
   * The generation of the spec that the condition is about.
   */
  generation: number;
}
/**
 * What the operator last acted on for this tag. A difference to the spec means that there is something to do.
 */
export interface TagLastImport {
  from?: TagLastImportSource;
  /**
   * The import mode that the tag asked for; absent when it followed the operator's setting.
   */
  importMode?: string;
  /**
   * Whether unverified connections were allowed.
   */
  insecure?: boolean;
  /**
   * Whether the pull spec was only recorded.
   */
  reference?: boolean;
  /**
   * The value of the annotation imagestream-operator/import-requested that was answered.
   */
  requested?: string;
  /**
   * The tag's generation in the spec that was honoured.
   */
  generation?: number;
  /**
   * When the source was last tried.
   */
  attemptedAt?: string;
  /**
   * How many tries in a row have failed.
   */
  failures?: number;
  /**
   * When a failed import is tried again at the earliest.
   */
  retryAt?: string;
  /**
   * The digest that the source's tag had in its registry. It is the index's where one image of an index was kept, so that a check sees whether the tag has moved.
   */
  digest?: string;
  /**
   * The platform that the tag's annotations preferred, as os/architecture.
   */
  platform?: string;
}
/**
 * The source at that time.
 */
export interface TagLastImportSource {
  /**
   * The kind of the source.
   */
  kind: string;
  /**
   * The name of the source.
   */
  name: string;
  /**
   * The namespace of the source, when it was another one.
   */
  namespace?: string;
}
/**
 * What the operator last did for spec.dockerImageRepository.
 */
export interface ImageStreamStatusRepositoryImport {
  /**
   * The repository at that time.
   */
  from?: string;
  /**
   * Whether unverified connections were allowed.
   */
  insecure?: boolean;
  /**
   * The value of the annotation imagestream-operator/import-requested that was answered.
   */
  requested?: string;
  /**
   * When the repository was last listed.
   */
  attemptedAt?: string;
  /**
   * How many tries in a row have failed.
   */
  failures?: number;
  /**
   * When a failed listing is tried again at the earliest.
   */
  retryAt?: string;
  /**
   * Why the last listing failed, in one word.
   */
  reason?: string;
  /**
   * Why the last listing failed.
   */
  message?: string;
  /**
   * The tags that were found and are imported, by priority.
   */
  tags?: string[];
  /**
   * How many more tags the repository has than are imported.
   */
  additionalTags?: number;
}
/**
 * One fact about the state of the stream.
 */
export interface Condition {
  /**
   * What the condition is about, for example Ready.
   */
  type: string;
  /**
   * Whether it holds.
   */
  status: 'True' | 'False' | 'Unknown';
  /**
   * The generation of the spec that the condition is about.
   */
  observedGeneration?: number;
  /**
   * When the status last changed.
   */
  lastTransitionTime: string;
  /**
   * Why, in one word for programs.
   */
  reason: string;
  /**
   * Why, for people.
   */
  message: string;
}
