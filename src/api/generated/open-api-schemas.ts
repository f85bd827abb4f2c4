// Generated from crds/ by scripts/open-api-schemas.ts.
// Do not edit: change the CRDs and run `npm run generate`.
import type { OpenApiSchemas } from '../open-api-schema.ts';

/** The schemas of ImageStream, ImageStreamTag and Image, and of what is in them, without `metadata` and the like. */
export const crdSchemas: OpenApiSchemas = {
  "Condition": {
    "type": "object",
    "description": "One fact about the state of the stream.",
    "required": [
      "type",
      "status",
      "lastTransitionTime",
      "reason",
      "message"
    ],
    "properties": {
      "type": {
        "type": "string",
        "description": "What the condition is about, for example Ready."
      },
      "status": {
        "type": "string",
        "description": "Whether it holds.",
        "enum": [
          "True",
          "False",
          "Unknown"
        ]
      },
      "observedGeneration": {
        "type": "integer",
        "format": "int64",
        "description": "The generation of the spec that the condition is about."
      },
      "lastTransitionTime": {
        "type": "string",
        "format": "date-time",
        "description": "When the status last changed."
      },
      "reason": {
        "type": "string",
        "description": "Why, in one word for programs."
      },
      "message": {
        "type": "string",
        "description": "Why, for people."
      }
    }
  },
  "Image": {
    "type": "object",
    "description": "The metadata of one container image or image index, named by its digest with '-' for ':'. Written once by the operator when the image is first imported.",
    "required": [
      "dockerImageReference"
    ],
    "properties": {
      "dockerImageReference": {
        "type": "string",
        "description": "The pull spec of whoever imported the image first."
      },
      "dockerImageMetadata": {
        "type": "object",
        "description": "The image's configuration as OpenShift shows it (Architecture, Config, Created, Id, Size and so on). For an index only Id and Created.",
        "x-kubernetes-map-type": "atomic",
        "x-kubernetes-preserve-unknown-fields": true
      },
      "dockerImageMetadataVersion": {
        "type": "string",
        "description": "The version of the shape of dockerImageMetadata, 1.0."
      },
      "dockerImageManifestMediaType": {
        "type": "string",
        "description": "The media type of the manifest or index."
      },
      "dockerImageManifest": {
        "type": "string",
        "description": "The raw manifest. Left out by imports."
      },
      "dockerImageConfig": {
        "type": "string",
        "description": "The raw image configuration. Left out by imports."
      },
      "dockerImageLayers": {
        "type": "array",
        "description": "The layers of the image, base layer first. Absent for an index.",
        "nullable": true,
        "x-kubernetes-list-type": "atomic",
        "items": {
          "$ref": "ImageLayer"
        }
      },
      "dockerImageManifests": {
        "type": "array",
        "description": "The images of an index, one for each platform. Absent for an image of one platform.",
        "x-kubernetes-list-type": "atomic",
        "items": {
          "$ref": "ImageManifest"
        }
      },
      "signatures": {
        "type": "array",
        "description": "Signatures of the image. Left out by imports.",
        "x-kubernetes-list-type": "atomic",
        "items": {
          "type": "object",
          "x-kubernetes-preserve-unknown-fields": true
        }
      },
      "dockerImageSignatures": {
        "type": "array",
        "description": "Signatures of the manifest, in base64. Left out by imports.",
        "x-kubernetes-list-type": "atomic",
        "items": {
          "type": "string",
          "format": "byte"
        }
      }
    }
  },
  "ImageLayer": {
    "type": "object",
    "description": "One layer of an image.",
    "required": [
      "name",
      "size",
      "mediaType"
    ],
    "properties": {
      "name": {
        "type": "string",
        "description": "The digest of the layer."
      },
      "size": {
        "type": "integer",
        "format": "int64",
        "description": "The size of the layer in bytes."
      },
      "mediaType": {
        "type": "string",
        "description": "The media type of the layer."
      }
    }
  },
  "ImageLookupPolicy": {
    "type": "object",
    "description": "How pods of the same namespace may name this stream's images.",
    "properties": {
      "local": {
        "type": "boolean",
        "description": "True lets a pod of this namespace use a short image name, such as python:3.6, for the tag 3.6 of the stream python."
      }
    }
  },
  "ImageManifest": {
    "type": "object",
    "description": "One image of an index.",
    "required": [
      "digest",
      "mediaType",
      "manifestSize",
      "architecture",
      "os"
    ],
    "properties": {
      "digest": {
        "type": "string",
        "description": "The digest of the image's manifest."
      },
      "mediaType": {
        "type": "string",
        "description": "The media type of the manifest."
      },
      "manifestSize": {
        "type": "integer",
        "format": "int64",
        "description": "The size of the manifest in bytes."
      },
      "architecture": {
        "type": "string",
        "description": "The processor architecture, for example amd64; empty when the index does not say."
      },
      "os": {
        "type": "string",
        "description": "The operating system, for example linux; empty when the index does not say."
      },
      "variant": {
        "type": "string",
        "description": "The variant of the architecture, for example v8."
      }
    }
  },
  "ImageStream": {
    "type": "object",
    "description": "An image stream gives container images stable names. Each of its tags follows a source, remembers every image that the source has had, and can trigger workloads when it gets a new one.",
    "properties": {
      "spec": {
        "$ref": "ImageStreamSpec",
        "description": "What the stream should hold. The operator never writes here."
      },
      "status": {
        "$ref": "ImageStreamStatus",
        "description": "What the stream holds. Written by the operator."
      }
    }
  },
  "ImageStreamSpec": {
    "type": "object",
    "description": "What the stream should hold. The operator never writes here.",
    "properties": {
      "lookupPolicy": {
        "$ref": "ImageLookupPolicy",
        "description": "How pods of the same namespace may name this stream's images."
      },
      "dockerImageRepository": {
        "type": "string",
        "description": "A remote repository whose tags are all imported, without tag or digest. Deprecated in OpenShift: list the wanted tags in spec.tags."
      },
      "tags": {
        "type": "array",
        "description": "The tags of the stream and where each comes from.",
        "nullable": true,
        "x-kubernetes-list-map-keys": [
          "name"
        ],
        "x-kubernetes-list-type": "map",
        "items": {
          "$ref": "TagReference"
        }
      }
    }
  },
  "ImageStreamStatus": {
    "type": "object",
    "description": "What the stream holds. Written by the operator.",
    "properties": {
      "dockerImageRepository": {
        "type": "string",
        "description": "The repository that serves the stream's tags, if any."
      },
      "publicDockerImageRepository": {
        "type": "string",
        "description": "The same repository as seen from outside of the cluster, if any."
      },
      "tags": {
        "type": "array",
        "description": "Per tag the images that it has pointed at, and what is wrong with it.",
        "x-kubernetes-list-map-keys": [
          "tag"
        ],
        "x-kubernetes-list-type": "map",
        "items": {
          "$ref": "NamedTagEventList"
        }
      },
      "repositoryImport": {
        "$ref": "ImageStreamStatusRepositoryImport",
        "description": "What the operator last did for spec.dockerImageRepository."
      },
      "observedGeneration": {
        "type": "integer",
        "format": "int64",
        "description": "The generation of the spec that this status answers."
      },
      "tagSummary": {
        "type": "string",
        "description": "The tags with an image, newest first, shortened to fit a column of a table."
      },
      "lastUpdated": {
        "type": "string",
        "format": "date-time",
        "description": "When a tag of the stream last got a new image."
      },
      "conditions": {
        "type": "array",
        "description": "The state of the whole stream.",
        "x-kubernetes-list-map-keys": [
          "type"
        ],
        "x-kubernetes-list-type": "map",
        "items": {
          "$ref": "Condition"
        }
      }
    }
  },
  "ImageStreamStatusRepositoryImport": {
    "type": "object",
    "description": "What the operator last did for spec.dockerImageRepository.",
    "properties": {
      "from": {
        "type": "string",
        "description": "The repository at that time."
      },
      "insecure": {
        "type": "boolean",
        "description": "Whether unverified connections were allowed."
      },
      "requested": {
        "type": "string",
        "description": "The value of the annotation imagestream-operator/import-requested that was answered."
      },
      "attemptedAt": {
        "type": "string",
        "format": "date-time",
        "description": "When the repository was last listed."
      },
      "failures": {
        "type": "integer",
        "format": "int32",
        "description": "How many tries in a row have failed."
      },
      "retryAt": {
        "type": "string",
        "format": "date-time",
        "description": "When a failed listing is tried again at the earliest."
      },
      "reason": {
        "type": "string",
        "description": "Why the last listing failed, in one word."
      },
      "message": {
        "type": "string",
        "description": "Why the last listing failed."
      },
      "tags": {
        "type": "array",
        "description": "The tags that were found and are imported, by priority.",
        "x-kubernetes-list-type": "atomic",
        "items": {
          "type": "string"
        }
      },
      "additionalTags": {
        "type": "integer",
        "format": "int32",
        "description": "How many more tags the repository has than are imported."
      }
    }
  },
  "ImageStreamTag": {
    "type": "object",
    "description": "One tag of an image stream with its current image. Declare one with a tag to add that tag to the stream without touching the stream itself.",
    "properties": {
      "tag": {
        "$ref": "TagReference",
        "description": "The tag and its source, as in the spec of a stream. Absent for a tag that exists only in the stream's history.",
        "nullable": true
      },
      "generation": {
        "type": "integer",
        "format": "int64",
        "description": "The generation of the tag's current image in the stream's history."
      },
      "lookupPolicy": {
        "$ref": "ImageLookupPolicy",
        "description": "How pods of the same namespace may name the stream's images. Set on the stream."
      },
      "conditions": {
        "type": "array",
        "description": "What went wrong with the tag, and what workloads report of it; empty when all is well.",
        "x-kubernetes-list-map-keys": [
          "type"
        ],
        "x-kubernetes-list-type": "map",
        "items": {
          "$ref": "TagEventCondition"
        }
      },
      "image": {
        "$ref": "Image",
        "description": "The current image of the tag. Written by the operator."
      }
    }
  },
  "NamedTagEventList": {
    "type": "object",
    "description": "The history and the state of one tag.",
    "required": [
      "tag"
    ],
    "properties": {
      "tag": {
        "type": "string",
        "description": "The tag."
      },
      "items": {
        "type": "array",
        "description": "The images of the tag, newest first. The first is what consumers get.",
        "x-kubernetes-list-type": "atomic",
        "items": {
          "$ref": "TagEvent"
        }
      },
      "conditions": {
        "type": "array",
        "description": "What went wrong with the tag; empty when all is well.",
        "x-kubernetes-list-map-keys": [
          "type"
        ],
        "x-kubernetes-list-type": "map",
        "items": {
          "$ref": "TagEventCondition"
        }
      },
      "lastImport": {
        "$ref": "TagLastImport",
        "description": "What the operator last acted on for this tag. A difference to the spec means that there is something to do."
      },
      "hasImageStreamTag": {
        "type": "boolean",
        "description": "Whether an ImageStreamTag was seen for this tag. When that is deleted, a tag that the spec does not have goes with it."
      }
    }
  },
  "ObjectReference": {
    "type": "object",
    "description": "The source of the tag. Without one the tag keeps what it has, or gets its images by push.",
    "required": [
      "kind",
      "name"
    ],
    "x-kubernetes-map-type": "atomic",
    "properties": {
      "kind": {
        "type": "string",
        "description": "DockerImage for an image in a registry, ImageStreamTag for another tag, ImageStreamImage for one image out of a stream's history.",
        "enum": [
          "DockerImage",
          "ImageStreamTag",
          "ImageStreamImage"
        ]
      },
      "name": {
        "type": "string",
        "description": "For DockerImage a pull spec (quay.io/org/app:1.2), for ImageStreamTag <tag> or <stream>:<tag>, for ImageStreamImage <id> or <stream>@<id>."
      },
      "namespace": {
        "type": "string",
        "description": "The namespace of the other stream; empty means this one. Not used for DockerImage."
      },
      "apiVersion": {
        "type": "string",
        "description": "Accepted, not used."
      },
      "uid": {
        "type": "string",
        "description": "Accepted, not used."
      },
      "resourceVersion": {
        "type": "string",
        "description": "Accepted, not used."
      },
      "fieldPath": {
        "type": "string",
        "description": "Accepted, not used."
      }
    }
  },
  "TagEvent": {
    "type": "object",
    "description": "One image that the tag has pointed at.",
    "required": [
      "created",
      "dockerImageReference",
      "image",
      "generation"
    ],
    "properties": {
      "created": {
        "type": "string",
        "format": "date-time",
        "description": "When the tag got this image."
      },
      "dockerImageReference": {
        "type": "string",
        "description": "The pull spec of the image."
      },
      "image": {
        "type": "string",
        "description": "The digest of the image; empty for a tag that only records a reference."
      },
      "generation": {
        "type": "integer",
        "format": "int64",
        "description": "The generation of the spec (of the tag or the stream) that led to this image."
      }
    }
  },
  "TagEventCondition": {
    "type": "object",
    "description": "One fact about the state of a tag.",
    "required": [
      "type",
      "status",
      "generation"
    ],
    "properties": {
      "type": {
        "type": "string",
        "description": "What the condition is about, for example ImportSuccess."
      },
      "status": {
        "type": "string",
        "description": "Whether it holds.",
        "enum": [
          "True",
          "False",
          "Unknown"
        ]
      },
      "lastTransitionTime": {
        "type": "string",
        "format": "date-time",
        "description": "When the status last changed."
      },
      "reason": {
        "type": "string",
        "description": "Why, in one word for programs."
      },
      "message": {
        "type": "string",
        "description": "Why, for people."
      },
      "generation": {
        "type": "integer",
        "format": "int64",
        "description": "The generation of the spec that the condition is about."
      }
    }
  },
  "TagImportPolicy": {
    "type": "object",
    "description": "How the tag is imported from its registry.",
    "properties": {
      "insecure": {
        "type": "boolean",
        "description": "True accepts any TLS certificate of the registry, and plain HTTP."
      },
      "scheduled": {
        "type": "boolean",
        "description": "True checks the source again and again; only for kind DockerImage."
      },
      "importMode": {
        "type": "string",
        "description": "What to keep of an image for several platforms: Legacy keeps the image of one platform, PreserveOriginal the whole index. Empty follows the operator's setting.",
        "enum": [
          "",
          "Legacy",
          "PreserveOriginal"
        ]
      }
    }
  },
  "TagLastImport": {
    "type": "object",
    "description": "What the operator last acted on for this tag. A difference to the spec means that there is something to do.",
    "properties": {
      "from": {
        "$ref": "TagLastImportSource",
        "description": "The source at that time."
      },
      "importMode": {
        "type": "string",
        "description": "The import mode that the tag asked for; absent when it followed the operator's setting."
      },
      "insecure": {
        "type": "boolean",
        "description": "Whether unverified connections were allowed."
      },
      "reference": {
        "type": "boolean",
        "description": "Whether the pull spec was only recorded."
      },
      "requested": {
        "type": "string",
        "description": "The value of the annotation imagestream-operator/import-requested that was answered."
      },
      "generation": {
        "type": "integer",
        "format": "int64",
        "description": "The tag's generation in the spec that was honoured."
      },
      "attemptedAt": {
        "type": "string",
        "format": "date-time",
        "description": "When the source was last tried."
      },
      "failures": {
        "type": "integer",
        "format": "int32",
        "description": "How many tries in a row have failed."
      },
      "retryAt": {
        "type": "string",
        "format": "date-time",
        "description": "When a failed import is tried again at the earliest."
      },
      "digest": {
        "type": "string",
        "description": "The digest that the source's tag had in its registry. It is the index's where one image of an index was kept, so that a check sees whether the tag has moved."
      },
      "platform": {
        "type": "string",
        "description": "The platform that the tag's annotations preferred, as os/architecture."
      }
    }
  },
  "TagLastImportSource": {
    "type": "object",
    "description": "The source at that time.",
    "required": [
      "kind",
      "name"
    ],
    "x-kubernetes-map-type": "atomic",
    "properties": {
      "kind": {
        "type": "string",
        "description": "The kind of the source."
      },
      "name": {
        "type": "string",
        "description": "The name of the source."
      },
      "namespace": {
        "type": "string",
        "description": "The namespace of the source, when it was another one."
      }
    }
  },
  "TagReference": {
    "type": "object",
    "description": "One tag and its source.",
    "required": [
      "name"
    ],
    "properties": {
      "name": {
        "type": "string",
        "description": "The tag, for example 3.6 or latest."
      },
      "annotations": {
        "type": "object",
        "description": "Free annotations of the tag. They are shown on its ImageStreamTag.",
        "nullable": true,
        "additionalProperties": {
          "type": "string"
        }
      },
      "from": {
        "$ref": "ObjectReference",
        "description": "The source of the tag. Without one the tag keeps what it has, or gets its images by push.",
        "nullable": true
      },
      "reference": {
        "type": "boolean",
        "description": "True records the source's pull spec as it is and never contacts the registry; consumers then get that pull spec, not a digest."
      },
      "generation": {
        "type": "integer",
        "format": "int64",
        "description": "Counts what was asked of this tag. Setting it to 0 asks for one more import; leave it out otherwise.",
        "nullable": true
      },
      "importPolicy": {
        "$ref": "TagImportPolicy",
        "description": "How the tag is imported from its registry."
      },
      "referencePolicy": {
        "$ref": "TagReferencePolicy",
        "description": "Which pull spec consumers of the tag get."
      }
    }
  },
  "TagReferencePolicy": {
    "type": "object",
    "description": "Which pull spec consumers of the tag get.",
    "properties": {
      "type": {
        "type": "string",
        "description": "Source gives the place that the image was imported from, Local the stream's own repository when there is one. Empty means Source.",
        "enum": [
          "",
          "Source",
          "Local"
        ]
      }
    }
  }
};
