/** What is wrong with a document that a client sent, as a Kubernetes API server tells it. */
export interface FieldFault {
  /** Path of the field: `spec.images[0].from.name`. */
  readonly field: string;
  /** `Invalid value: "A": …`, `Required value: …` or the like. */
  readonly message: string;
}
