/**
 * Shapes that every Kubernetes object shares, as they travel in JSON.
 */

/** The part of an object's `metadata` that we read or write. Times are RFC 3339 strings, never `Date`. */
export interface ObjectMeta {
  name: string;
  /** Absent for cluster-scoped objects. */
  namespace?: string;
  /** Set by the API server; tells an object from a later one of the same name. */
  uid?: string;
  /** Set by the API server; opaque, compare for equality only. */
  resourceVersion?: string;
  /** Set by the API server; counts the changes of `spec`. */
  generation?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  ownerReferences?: OwnerReference[];
  creationTimestamp?: string;
  /** Set once the object is being deleted. */
  deletionTimestamp?: string;
  managedFields?: unknown;
}

/** The object that another one belongs to and is garbage collected with. */
export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  blockOwnerDeletion?: boolean;
}
