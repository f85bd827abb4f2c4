/** What is wrong with a field of what was sent, in the words and with the codes of a Kubernetes API server. Pure. */

/** A fault of one field. */
export interface FieldFault {
  /** Its path, such as `spec.tags[latest].from.name`. */
  readonly field: string;
  /** The code of a cause in a Status, such as `FieldValueRequired`. */
  readonly reason: string;
  /** What is wrong, without the field. */
  readonly message: string;
}

/** Characters of a value that a message repeats. */
const maxShown = 512;

/** The field has to be there. */
export function requiredFault(field: string, detail = ''): FieldFault {
  return { field, reason: 'FieldValueRequired', message: sentence('Required value', detail) };
}

/** The value is none that the field takes. */
export function invalidFault(field: string, value: unknown, detail = ''): FieldFault {
  return {
    field,
    reason: 'FieldValueInvalid',
    message: sentence(`Invalid value: ${shown(value)}`, detail),
  };
}

/** The value is none of those that there are. */
export function notSupportedFault(field: string, value: unknown, supported: readonly string[]): FieldFault {
  const values = supported.map((each) => JSON.stringify(each)).join(', ');
  const message = `Unsupported value: ${shown(value)}: supported values: ${values}`;
  return { field, reason: 'FieldValueNotSupported', message };
}

/** The value names something that is not there. */
export function notFoundFault(field: string, value: unknown): FieldFault {
  return { field, reason: 'FieldValueNotFound', message: `Not found: ${shown(value)}` };
}

/** The value is there a second time. */
export function duplicateFault(field: string, value: unknown): FieldFault {
  return { field, reason: 'FieldValueDuplicate', message: `Duplicate value: ${shown(value)}` };
}

/** The value is one that the caller must not give. */
export function forbiddenFault(field: string, detail: string): FieldFault {
  return { field, reason: 'FieldValueForbidden', message: sentence('Forbidden', detail) };
}

/** The value has too many bytes. */
export function tooLongFault(field: string, maxBytes: number): FieldFault {
  return {
    field,
    reason: 'FieldValueTooLong',
    message: `Too long: may not be more than ${maxBytes} bytes`,
  };
}

/** The list has too many entries. */
export function tooManyFault(field: string, actual: number, max: number): FieldFault {
  return {
    field,
    reason: 'FieldValueTooMany',
    message: `Too many: ${actual}: must have at most ${max} items`,
  };
}

/** Something went wrong when the object as a whole was looked at. */
export function internalFault(detail: string): FieldFault {
  return { field: '[]', reason: 'InternalError', message: sentence('Internal error', detail) };
}

/** All faults as one text: each once, in brackets when there are several. */
export function faultsText(faults: readonly FieldFault[]): string {
  const texts = [...new Set(faults.map(({ field, message }) => `${field}: ${message}`))];
  return texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
}

function sentence(problem: string, detail: string): string {
  return detail === '' ? problem : `${problem}: ${detail}`;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value ?? null);
  return text.length <= maxShown ? text : `${text.slice(0, maxShown)}…`;
}
