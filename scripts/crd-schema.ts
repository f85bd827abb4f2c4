/** The schemas of the CustomResourceDefinitions in crds/, as the generators read them, and the names that they give. */

/** The keywords of a CRD's schema that matter for what is generated. The others (bounds, formats, rules) only restrict values. */
export interface Schema {
  type?: string;
  description?: string;
  format?: string;
  nullable?: boolean;
  enum?: string[];
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: Schema;
  items?: Schema;
  'x-kubernetes-int-or-string'?: boolean;
  'x-kubernetes-list-map-keys'?: string[];
  'x-kubernetes-list-type'?: string;
  'x-kubernetes-map-type'?: string;
  'x-kubernetes-preserve-unknown-fields'?: boolean;
  'x-kubernetes-validations'?: unknown[];
}

/** One CRD file: its name in crds/, the kind that it defines, and the schema that all of its versions have. */
export interface Source {
  file: string;
  kind: string;
  apiVersions: string[];
  schema: Schema;
}

/** What the person who called this has to put right; printed without a stack. */
export class Fault extends Error {}

/** OpenShift's names for nested objects. The others are called after their parent and their field. */
export const TYPE_NAMES: Readonly<Record<string, string>> = {
  'Image.dockerImageLayers[]': 'ImageLayer',
  'Image.dockerImageManifests[]': 'ImageManifest',
  'ImageStream.spec.lookupPolicy': 'ImageLookupPolicy',
  'ImageStream.spec.tags[]': 'TagReference',
  'ImageStream.spec.tags[].from': 'ObjectReference',
  'ImageStream.spec.tags[].importPolicy': 'TagImportPolicy',
  'ImageStream.spec.tags[].referencePolicy': 'TagReferencePolicy',
  'ImageStream.status.conditions[]': 'Condition',
  'ImageStream.status.tags[]': 'NamedTagEventList',
  'ImageStream.status.tags[].conditions[]': 'TagEventCondition',
  'ImageStream.status.tags[].items[]': 'TagEvent',
  'ImageStream.status.tags[].lastImport': 'TagLastImport',
  'ImageStream.status.tags[].lastImport.from': 'TagLastImportSource',
  'ImageStreamTag.conditions[]': 'TagEventCondition',
  'ImageStreamTag.image.dockerImageLayers[]': 'ImageLayer',
  'ImageStreamTag.image.dockerImageManifests[]': 'ImageManifest',
  'ImageStreamTag.lookupPolicy': 'ImageLookupPolicy',
  'ImageStreamTag.tag': 'DeclaredTagReference',
  'ImageStreamTag.tag.from': 'ObjectReference',
  'ImageStreamTag.tag.importPolicy': 'TagImportPolicy',
  'ImageStreamTag.tag.referencePolicy': 'TagReferencePolicy',
};

/** The name of a nested object that has none of OpenShift's. */
export function typeName(path: string, parent: string, field: string): string {
  return TYPE_NAMES[path] ?? parent + field.charAt(0).toUpperCase() + field.slice(1);
}

/** The name of what is in a list of that name. */
export function itemTypeName(path: string, list: string): string {
  return TYPE_NAMES[path] ?? list.replace(/ies$/, 'y').replace(/s$/, '');
}
