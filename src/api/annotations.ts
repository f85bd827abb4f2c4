/** Annotation keys that the operator reads, and its name towards the API server. */

/** On workloads: which image stream tag feeds which container (the reference's key and JSON). */
export const triggersAnnotation = 'image.openshift.io/triggers';

/** On an ImageStream: any new value asks for all its tags to be imported again. */
export const importRequestedAnnotation = 'imagestream-operator/import-requested';

/** On an ImageStreamTag whose name holds a hash: `<stream>:<tag>`, which the name does not tell. */
export const imageStreamTagAnnotation = 'imagestream-operator/image-stream-tag';

/** On an ImageStreamTag: the name of its stream, for label selectors. */
export const streamLabel = 'imagestream-operator/stream';

/** What `kubectl apply` keeps of its file on each object: never read, and not held in memory. */
export const lastAppliedKey = 'kubectl.kubernetes.io/last-applied-configuration';

/** Field manager of every write, and the reporting component of every event. */
export const fieldManager = 'imagestream-operator';
