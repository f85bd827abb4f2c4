// Generated from crds/images.yaml by scripts/generate-api-types.ts.
// Do not edit: change the CRD and run `npm run generate`.
import type { ObjectMeta } from '../objects.ts';

/**
 * The metadata of one container image or image index, named by its digest with '-' for ':'. Written once by the operator when the image is first imported.
 */
export interface Image {
  apiVersion: 'image.openshift.io/v1' | 'image.openshift.io/v1crd';
  kind: 'Image';
  metadata: ObjectMeta;
  /**
   * The pull spec of whoever imported the image first.
   */
  dockerImageReference: string;
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
