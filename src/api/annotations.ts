/** Annotation keys that the operator reads, and its name towards the API server. */

/** On workloads: which image stream tag feeds which container (the reference's key and JSON). */
export const triggersAnnotation = 'image.openshift.io/triggers';

/** On an ImageStream: any new value asks for all its tags to be imported again. */
export const importRequestedAnnotation = 'imagestream-operator/import-requested';

/** Field manager of every write, and the reporting component of every event. */
export const fieldManager = 'imagestream-operator';
