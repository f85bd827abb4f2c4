/**
 * The schemas of all kinds of the face, by their names in OpenShift: those that are stored come from the CRDs, the others are here
 * (semantics 2.1 and 4).
 */
import { crdSchemas } from '../api/generated/open-api-schemas.ts';
import type { OpenApiSchema, OpenApiSchemas } from '../api/open-api-schema.ts';
import { imageGroup } from '../api/resources.ts';
import { mergeKeys, sets } from '../domain/strategic-patch.ts';
import { kindFields, metaSchemas } from './meta-schemas.ts';

const text = (description: string): OpenApiSchema => ({ type: 'string', description });
const flag = (description: string): OpenApiSchema => ({ type: 'boolean', description });
const one = ($ref: string, description: string): OpenApiSchema => ({ $ref, description });
const listOf = ($ref: string, description: string): OpenApiSchema => ({
  type: 'array',
  description,
  items: { $ref },
});
const textList = (description: string): OpenApiSchema => ({
  type: 'array',
  description,
  items: { type: 'string' },
});

/** What an ImageStreamImport asks for, and what came of it. */
const importSchemas: OpenApiSchemas = {
  ImageStreamImport: {
    type: 'object',
    description:
      'Imports images from registries into the image stream of the same name, which is made when it is not there, and answers with what came of each. Nothing of the request itself is stored.',
    required: ['spec'],
    properties: {
      spec: one('ImageStreamImportSpec', 'What is to be imported.'),
      status: one('ImageStreamImportStatus', 'What came of it. Filled in by the answer.'),
    },
  },
  ImageStreamImportSpec: {
    type: 'object',
    description: 'The images, or the repository, to import.',
    properties: {
      import: flag('True keeps the images as tags of the stream, false only looks at them.'),
      images: listOf('ImageImportSpec', 'Single images.'),
      repository: one(
        'RepositoryImportSpec',
        'A whole repository with its tags, up to a number that the server sets.',
      ),
    },
  },
  ImageImportSpec: {
    type: 'object',
    description: 'One image to import.',
    required: ['from'],
    properties: {
      from: one('ObjectReference', 'The image, of the kind DockerImage.'),
      to: one(
        'LocalObjectReference',
        "The tag of the stream for it; without one the tag of the image's pull spec.",
      ),
      importPolicy: one('TagImportPolicy', 'How it is imported from its registry.'),
      referencePolicy: one('TagReferencePolicy', 'Which pull spec consumers of the tag get.'),
      includeManifest: flag('True has the raw manifest in the answer, where nothing is kept.'),
    },
  },
  RepositoryImportSpec: {
    type: 'object',
    description: 'A repository to import.',
    required: ['from'],
    properties: {
      from: one('ObjectReference', 'The repository without tag and digest, of the kind DockerImage.'),
      importPolicy: one('TagImportPolicy', 'How its images are imported.'),
      referencePolicy: one('TagReferencePolicy', 'Which pull spec consumers of the tags get.'),
      includeManifest: flag('True has the raw manifests in the answer, where nothing is kept.'),
    },
  },
  LocalObjectReference: {
    type: 'object',
    description: 'Something of the same stream.',
    properties: { name: text('Its name.') },
    'x-kubernetes-map-type': 'atomic',
  },
  ImageStreamImportStatus: {
    type: 'object',
    description: 'What came of an import.',
    properties: {
      import: one('ImageStream', 'The stream with the images, when they were to be kept.'),
      images: listOf('ImageImportStatus', 'What came of each of spec.images, in their order.'),
      repository: one('RepositoryImportStatus', 'What came of spec.repository.'),
    },
  },
  ImageImportStatus: {
    type: 'object',
    description: 'What came of one image.',
    required: ['status'],
    properties: {
      status: one('Status', 'Success, or what went wrong.'),
      image: one('Image', 'The image, when it was found.'),
      tag: text('The tag that it was imported for.'),
      manifests: listOf('Image', 'The images of an index that was kept.'),
    },
  },
  RepositoryImportStatus: {
    type: 'object',
    description: 'What came of a repository.',
    properties: {
      status: one('Status', 'Success, or what went wrong.'),
      images: listOf('ImageImportStatus', 'What came of each tag.'),
      additionalTags: textList('Tags that the repository has beyond the number that is imported.'),
    },
  },
};

/** Views of a stream and its images, and what a registry writes and reads. */
const viewSchemas: OpenApiSchemas = {
  ImageTag: {
    type: 'object',
    description:
      'All that an image stream says of one of its tags: where it comes from, its history, and its current image. Its name is <stream>:<tag>.',
    properties: {
      spec: {
        ...one('TagReference', 'The tag and its source; null for a tag that only the history has.'),
        nullable: true,
      },
      status: {
        ...one('NamedTagEventList', 'The history of the tag and its conditions; null without any.'),
        nullable: true,
      },
      image: { ...one('Image', 'The current image; null in lists and where there is none.'), nullable: true },
    },
  },
  ImageStreamImage: {
    type: 'object',
    description:
      "One image out of the history of an image stream. Its name is <stream>@<id>, where the beginning of the image's digest will do.",
    properties: { image: one('Image', 'The image.') },
  },
  ImageStreamMapping: {
    type: 'object',
    description:
      'Tells an image stream of an image that was pushed: whoever may read the stream may use the image from then on. It is named like the stream, and only creates.',
    required: ['image', 'tag'],
    properties: {
      image: one('Image', 'The image.'),
      tag: text('The tag that gets it.'),
    },
  },
  ImageStreamLayers: {
    type: 'object',
    description:
      'The blobs of all images of an image stream. The right to get it is the right to pull, the right to update it that to push.',
    required: ['blobs', 'images'],
    properties: {
      blobs: {
        type: 'object',
        description: 'Facts about each blob, by its digest.',
        additionalProperties: { $ref: 'ImageLayerData' },
      },
      images: {
        type: 'object',
        description: 'What each image consists of, by its digest.',
        additionalProperties: { $ref: 'ImageBlobReferences' },
      },
    },
  },
  ImageLayerData: {
    type: 'object',
    description: 'Facts about a blob.',
    required: ['mediaType'],
    properties: {
      size: {
        type: 'integer',
        format: 'int64',
        nullable: true,
        description: 'Its size in bytes; null when it is not known.',
      },
      mediaType: text('Its media type.'),
    },
  },
  ImageBlobReferences: {
    type: 'object',
    description: 'What an image consists of.',
    properties: {
      layers: textList('The digests of its layers, base layer first.'),
      config: { ...text('The digest of its configuration; null for an image without one.'), nullable: true },
      manifests: textList('The digests of its images, for an index.'),
      imageMissing: flag('True when the stream names the image, but nothing is known of it.'),
    },
  },
};

// Who maps an image may leave the pull spec to the server.
const { required: _, ...image } = crdSchemas['Image'] ?? {};

/** As the face shows them: an Image is named by its digest, and a tag by its stream. */
const storedSchemas: OpenApiSchemas = {
  ...crdSchemas,
  Image: {
    ...image,
    description:
      'The metadata of one container image or image index, named by its digest and shared by all image streams.',
  },
  ImageStreamTag: {
    ...crdSchemas['ImageStreamTag'],
    description:
      'A tag of an image stream with its current image. Its name is <stream>:<tag>. Writing it writes the tag into the spec of the stream, deleting it takes the tag and its history away.',
  },
};

/** The kinds, and which of them come in lists. */
const kinds: Readonly<Record<string, 'listed' | 'single'>> = {
  Image: 'listed',
  ImageStream: 'listed',
  ImageStreamImage: 'single',
  ImageStreamImport: 'single',
  ImageStreamLayers: 'single',
  ImageStreamMapping: 'single',
  ImageStreamTag: 'listed',
  ImageTag: 'listed',
};

const plainSchemas: OpenApiSchemas = {
  ...metaSchemas,
  ...Object.fromEntries(
    Object.entries({ ...storedSchemas, ...viewSchemas, ...importSchemas }).flatMap(([name, schema]) => {
      const form = kinds[name];
      if (form === undefined) return [[name, schema]];
      const kind = [name, kindSchema(name, schema)] as const;
      return form === 'listed' ? [kind, [`${name}List`, listSchema(name)] as const] : [kind];
    }),
  ),
};

/** All schemas by name, with those of {@link metaSchemas}; each `$ref` names one of them. */
export const kindSchemas: OpenApiSchemas = withMergedLists(plainSchemas);

/** How patches merge the lists of a stream, at the field of the schema that holds each list. */
function withMergedLists(schemas: OpenApiSchemas): OpenApiSchemas {
  const result: Record<string, OpenApiSchema> = { ...schemas };
  const merged: readonly (readonly [path: string, key: string | undefined])[] = [
    ...Object.entries(mergeKeys),
    ...sets.map((path) => [path, undefined] as const),
  ];
  for (const [path, key] of merged) {
    const steps = path.split('.');
    const field = steps.pop() ?? '';
    const name = steps.reduce((at, step) => result[at]?.properties?.[step]?.$ref ?? '', 'ImageStream');
    const schema = result[name];
    const list = {
      ...schema?.properties?.[field],
      ...(key === undefined ? {} : { 'x-kubernetes-patch-merge-key': key }),
      'x-kubernetes-patch-strategy': 'merge',
    };
    result[name] = { ...schema, properties: { ...schema?.properties, [field]: list } };
  }
  return result;
}

function kindSchema(kind: string, { properties, ...schema }: OpenApiSchema): OpenApiSchema {
  const metadata = one('ObjectMeta', 'Name, namespace, labels and the like.');
  return { ...schema, properties: { ...kindFields, metadata, ...properties }, ...kindOf(kind) };
}

function listSchema(kind: string): OpenApiSchema {
  const metadata = one('ListMeta', 'Version and page of the list.');
  return {
    type: 'object',
    description: `A list of objects of the kind ${kind}.`,
    required: ['items'],
    properties: { ...kindFields, metadata, items: listOf(kind, 'The objects.') },
    ...kindOf(`${kind}List`),
  };
}

function kindOf(kind: string): Pick<OpenApiSchema, 'x-kubernetes-group-version-kind'> {
  return { 'x-kubernetes-group-version-kind': [{ group: imageGroup, version: 'v1', kind }] };
}
