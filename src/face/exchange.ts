/** One request and its answer, as the handlers see them. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Caller } from './identity.ts';
import type { Form } from './negotiation.ts';
import type { RequestInfo } from './request-info.ts';
import { tooLarge } from './status.ts';

/** What a handler works with. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  readonly info: RequestInfo;
  readonly caller: Caller;
  readonly form: Form;
  /** Aborted when the client is gone. */
  readonly signal: AbortSignal;
}

/** As of kube-apiserver. */
const maxBodyBytes = 3 * 1024 * 1024;

/** Reads what came with a request. Throws 413 when it is too long. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > maxBodyBytes) throw tooLarge(maxBodyBytes);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** Answers with a document. */
export function sendJson(response: ServerResponse, code: number, document: unknown): void {
  const body = JSON.stringify(document);
  response
    .writeHead(code, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
    .end(body);
}
