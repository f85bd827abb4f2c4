// Generated from crds/imagestreamtags.yaml by scripts/generate-api-types.ts.
// Do not edit: change the CRD and run `npm run generate`.
import type { ObjectMeta } from '../objects.ts';

/**
 * One tag of an image stream with its current image. Declare one with a tag to add that tag to the stream without touching the stream itself.
 */
export interface ImageStreamTag {
  apiVersion: 'image.openshift.io/v1' | 'image.openshift.io/v1crd';
  kind: 'ImageStreamTag';
  metadata: ObjectMeta;
  /**
   * The tag and its source, as in the spec of a stream. Absent for a tag that exists only in the stream's history.
   */
  tag?: DeclaredTagReference | null;
  /**
   * The generation of the tag's current image in the stream's history.
   */
  generation?: number;
  lookupPolicy?: ImageLookupPolicy;
  /**
   * What went wrong with the tag, and what workloads report of it; empty when all is well.
   */
  conditions?: TagEventCondition[];
  image?: ImageStreamTagImage;
  /**
   * When the tag got its current image.
   */
  updated?: string;
}
/**
 * The tag and its source, as in the spec of a stream. Absent for a tag that exists only in the stream's history.
 */
export interface DeclaredTagReference {
  /**
   * The tag, for example 3.6 or latest. Empty means what the name of this object says.
   */
  name?: string;
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
 * How pods of the same namespace may name the stream's images. Set on the stream.
 */
export interface ImageLookupPolicy {
  /**
   * True lets a pod of this namespace use a short image name for a tag of the stream.
   */
  local?: boolean;
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
 * The current image of the tag. Written by the operator.
 */
export interface ImageStreamTagImage {
  /**
   * Accepted, not used.
   */
  apiVersion?: string;
  /**
   * Accepted, not used.
   */
  kind?: string;
  metadata?: ImageStreamTagImageMetadata;
  /**
   * The pull spec of the current image, as the tag's reference policy resolves it.
   */
  dockerImageReference?: string;
  /**
   * The image's configuration as OpenShift shows it (Architecture, Config, Created, Id, Size and so on). For an index only Id and Created.
   */
  dockerImageMetadata?: Record<string, unknown>;
  /**
   * The version of the shape of dockerImageMetadata, 1.0.
   */
  dockerImageMetadataVersion?: string;
  /**
   * The media type of the manifest or index.
   */
  dockerImageManifestMediaType?: string;
  /**
   * The raw manifest. Left out by imports.
   */
  dockerImageManifest?: string;
  /**
   * The raw image configuration. Left out by imports.
   */
  dockerImageConfig?: string;
  /**
   * The layers of the image, base layer first. Absent for an index.
   */
  dockerImageLayers?: ImageLayer[] | null;
  /**
   * The images of an index, one for each platform. Absent for an image of one platform.
   */
  dockerImageManifests?: ImageManifest[];
  /**
   * Signatures of the image. Left out by imports.
   */
  signatures?: Record<string, unknown>[];
  /**
   * Signatures of the manifest, in base64. Left out by imports.
   */
  dockerImageSignatures?: string[];
}
/**
 * The metadata of the Image object, with the tag's annotations added.
 */
export interface ImageStreamTagImageMetadata {
  /**
   * The digest of the image.
   */
  name?: string;
  uid?: string;
  resourceVersion?: string;
  generation?: number;
  creationTimestamp?: string | null;
  labels?: {
    [k: string]: string;
  };
  annotations?: {
    [k: string]: string;
  };
  /**
   * Accepted, not used.
   */
  managedFields?: Record<string, unknown>[];
}
/**
 * One layer of an image.
 */
export interface ImageLayer {
  /**
   * The digest of the layer.
   */
  name: string;
  /**
   * The size of the layer in bytes.
   */
  size: number;
  /**
   * The media type of the layer.
   */
  mediaType: string;
}
/**
 * One image of an index.
 */
export interface ImageManifest {
  /**
   * The digest of the image's manifest.
   */
  digest: string;
  /**
   * The media type of the manifest.
   */
  mediaType: string;
  /**
   * The size of the manifest in bytes.
   */
  manifestSize: number;
  /**
   * The processor architecture, for example amd64; empty when the index does not say.
   */
  architecture: string;
  /**
   * The operating system, for example linux; empty when the index does not say.
   */
  os: string;
  /**
   * The variant of the architecture, for example v8.
   */
  variant?: string;
}
