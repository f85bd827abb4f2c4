/** One request and its answer, as the handlers see them. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { arrayOf } from '../api/json.ts';
import { notSupportedFault } from '../domain/field-fault.ts';
import type { Caller } from './identity.ts';
import type { Form } from './negotiation.ts';
import type { RequestInfo, Verb } from './request-info.ts';
import { invalidOptions, tooLarge } from './status.ts';

/** What is known of a request before it is known whether the caller may make it. */
export interface Asked {
  readonly request: IncomingMessage;
  readonly info: RequestInfo;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
}

/** What a handler works with. */
export interface Exchange extends Asked {
  readonly response: ServerResponse;
  readonly url: URL;
  readonly caller: Caller;
  readonly form: Form;
}

/** As of kube-apiserver. */
const maxBodyBytes = 3 * 1024 * 1024;
/** A body that is not there by then does not come. */
const maxBodyMs = 60_000;

/** Reads what came with a request. Throws 413 when it is too long. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  const late = setTimeout(() => request.destroy(), maxBodyMs);
  try {
    // The request is needed for its answer, whatever is left of it.
    const body: AsyncIterable<Buffer> = request.iterator({ destroyOnReturn: false });
    for await (const chunk of body) {
      length += chunk.length;
      if (length > maxBodyBytes) throw tooLarge(maxBodyBytes);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  } finally {
    clearTimeout(late);
  }
}

/** A client that reads nothing of its answer for this time is given up. */
export const unreadMs = 60_000;

/** Ends an answer that is not whole, so that its client sees that: over HTTP/2 one that ends without an error counts as whole. */
export function breakOff(response: ServerResponse, reason: unknown): void {
  response.destroy(reason instanceof Error ? reason : new Error(String(reason)));
}

/** The same for a client that reads nothing of it. */
export function giveUp(response: ServerResponse): void {
  breakOff(response, new Error('the client does not read its answer'));
}

/** Answers with a document. */
export function sendJson(response: ServerResponse, code: number, document: unknown): void {
  // The rest of the body stays unread. HTTP/2 has no such header, and looks after it by itself.
  if (code === 413 && !('stream' in response)) response.setHeader('connection', 'close');
  const body = JSON.stringify(document);
  response
    .writeHead(code, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
    .end(body);
}

/** True when nothing is to be changed: by the URL, or by what came with a deletion. Throws for a value that there is not. */
export function isDryRun({ url, info }: Exchange, sent: unknown = []): boolean {
  const values = [...url.searchParams.getAll('dryRun'), ...arrayOf(sent)].filter((value) => value !== '');
  if (values.every((value) => value === 'All')) return values.length > 0;
  throw invalidOptions(optionKinds[info.verb] ?? 'UpdateOptions', [
    notSupportedFault('dryRun', values, ['All']),
  ]);
}

/** The parameters of a write, as an API server calls them. */
const optionKinds: Readonly<Partial<Record<Verb, string>>> = {
  create: 'CreateOptions',
  patch: 'PatchOptions',
  delete: 'DeleteOptions',
  deletecollection: 'DeleteOptions',
};

const maxManagerLength = 128;

/** Who is noted as the author: as asked for, or the client's program, as an API server takes it. */
export function managerOf({ request, url }: Exchange): { manager?: string } {
  const program = (request.headers['user-agent'] ?? '').split('/')[0] ?? '';
  const manager = (url.searchParams.get('fieldManager') || program).slice(0, maxManagerLength);
  return manager === '' ? {} : { manager };
}
