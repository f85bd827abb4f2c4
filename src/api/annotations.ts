/** Annotation keys that the operator reads, and its name towards the API server. */

/** On workloads: which image stream tag feeds which container (the reference's key and JSON). */
export const triggersAnnotation = 'image.openshift.io/triggers';

/** On a workload: what a move of a tag does to it, `digest` (when it is missing), `annotate` or `report`. */
export const modeAnnotation = 'imagestream-operator/mode';

/** On a Job: when it is replaced because its tag has moved, `WhenFinished` (when it is missing), `Always` or `Never`. */
export const jobPolicyAnnotation = 'imagestream-operator/job-policy';

/** On a workload or an ImageStream: no image moves while it is there; a time as its value is its end. */
export const holdAnnotation = 'imagestream-operator/hold';

/** On the pod template of a workload with the mode `annotate`: the images of its triggers by container, as JSON. */
export const imagesAnnotation = 'imagestream-operator/images';

/** On an ImageStream: any new value asks for all its tags to be imported again. */
export const importRequestedAnnotation = 'imagestream-operator/import-requested';

/** On an ImageStreamTag whose name holds a hash: `<stream>:<tag>`, which the name does not tell. */
export const imageStreamTagAnnotation = 'imagestream-operator/image-stream-tag';

/** On the operator's Lease: where its holder takes push notifications, as `http://address:port`; empty when it does not. */
export const notificationsAnnotation = 'imagestream-operator/notifications';

/** On an ImageStreamTag: the name of its stream, for label selectors. */
export const streamLabel = 'imagestream-operator/stream';

/** On the ControllerRevision that holds a Job while it is being replaced; its value is the uid of the Job that goes. */
export const replacedJobLabel = 'imagestream-operator/replaced-job';

/** What `kubectl apply` keeps of its file on each object: never read, and not held in memory. */
export const lastAppliedKey = 'kubectl.kubernetes.io/last-applied-configuration';

/** Field manager of every write, and the reporting component of every event. */
export const fieldManager = 'imagestream-operator';
