/** What form of an answer a client wants, by its Accept header. */
import { notAcceptable } from './status.ts';

/** JSON of the object itself, as rows of a table, or with nothing but its metadata. */
export type Form = 'object' | 'table' | 'metadata';

/** Clauses that are looked at; clients send three. */
const maxClauses = 20;

/** The first form that can be given. Throws 406 when there is none. Without a header JSON is fine. */
export function formOf(accept: string | undefined): Form {
  const clauses = (accept ?? '')
    .split(',')
    .slice(0, maxClauses)
    .map((clause) => clause.trim());
  if (clauses.every((clause) => clause === '')) return 'object';
  for (const clause of clauses) {
    const [type = '', ...parameters] = clause.split(';').map((part) => part.trim());
    if (!['application/json', 'application/*', '*/*'].includes(type)) continue;
    const as = parameterOf(parameters, 'as');
    if (as === undefined) return 'object';
    const isMeta = parameterOf(parameters, 'g') === 'meta.k8s.io' && parameterOf(parameters, 'v') === 'v1';
    if (isMeta && as === 'Table') return 'table';
    if (isMeta && (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList')) return 'metadata';
  }
  throw notAcceptable();
}

function parameterOf(parameters: readonly string[], name: string): string | undefined {
  return parameters.find((parameter) => parameter.startsWith(`${name}=`))?.slice(name.length + 1);
}
