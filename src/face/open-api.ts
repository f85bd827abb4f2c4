/**
 * Serves OpenAPI to the aggregation layer, which asks as `system:aggregator` for the index of version 3 and the document of
 * version 2, and hands questions of clients for the document of version 3 on. What it holds is no secret: anybody whom the front
 * proxy names may have it.
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { JsonObject } from '../api/json.ts';
import { imageGroup } from '../api/resources.ts';
import { formOf } from './negotiation.ts';
import { openApiV2, openApiV3 } from './open-api-documents.ts';

/** As it is sent, again and again. */
interface Published {
  readonly body: Buffer;
  readonly hash: string;
}

const indexPath = '/openapi/v3';
const versionKey = `apis/${imageGroup}/v1`;
const versionPath = `${indexPath}/${versionKey}`;

/** Nothing is made before somebody asks; the documents do not change while the process lives. */
const documents: Readonly<Record<string, () => Published>> = {
  '/openapi/v2': once(openApiV2),
  [versionPath]: once(openApiV3),
  [indexPath]: once(() => {
    const serverRelativeURL = `${versionPath}?hash=${documents[versionPath]?.().hash ?? ''}`;
    return { paths: { [versionKey]: { serverRelativeURL } } };
  }),
};

/** Answers a GET or HEAD for a document; false when the path is none of a document. Throws 406 for who takes no JSON. */
export function serveOpenApi(
  request: Pick<IncomingMessage, 'headers'>,
  response: ServerResponse,
  { pathname, searchParams }: URL,
): boolean {
  const document = documents[pathname];
  if (document === undefined) return false;
  formOf(request.headers.accept);
  const { body, hash } = document();
  const etag = `"${hash}"`;
  response.setHeader('etag', etag);
  response.setHeader('vary', 'Accept');
  // Whoever names this version may keep it. Another one is answered with this one, not by a redirection: while replicas are
  // updated, an old and a new one would send a client to and fro.
  if (searchParams.get('hash') === hash)
    response.setHeader('cache-control', 'public, max-age=31536000, immutable');
  if (isKnown(request.headers['if-none-match'], etag)) response.writeHead(304).end();
  else
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length }).end(body);
  return true;
}

function once(make: () => JsonObject): () => Published {
  let made: Published | undefined;
  return () => {
    made ??= published(make());
    return made;
  };
}

function published(document: JsonObject): Published {
  const body = Buffer.from(JSON.stringify(document));
  return { body, hash: createHash('sha256').update(body).digest('hex').toUpperCase() };
}

function isKnown(ifNoneMatch: string | undefined, etag: string): boolean {
  const known = (ifNoneMatch ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return known.includes(etag) || known.includes('*');
}
