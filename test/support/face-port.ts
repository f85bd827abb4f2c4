import { readFile } from 'node:fs/promises';
import { type ClientHttp2Session, connect } from 'node:http2';
import { join } from 'node:path';
import { pino } from 'pino';
import { Agent } from 'undici';
import { onTestFinished } from 'vitest';
import { Access } from '../../src/face/access.ts';
import { FaceServer, type FaceServerOptions } from '../../src/face/face-server.ts';
import { parseProxyTrust } from '../../src/face/front-proxy.ts';
import { RequestTally } from '../../src/face/request-tally.ts';
import { servingFiles } from '../../src/face/serving-certificate.ts';
import { FaceMetrics } from '../../src/observability/face-metrics.ts';
import { systemClock } from '../../src/runtime/clock.ts';
import { Aggregation } from './aggregation.ts';
import { type ApiAnswer, playApiServer } from './played-api-server.ts';
import { createTemporaryFolder } from './temporary-folder.ts';

const allowed = { body: { status: { allowed: true } } };

/** What a face is opened with. */
export interface FacePortOptions extends Pick<FaceServerOptions, 'handlers' | 'begin'> {
  /** Answers the question whether a caller may; everybody may everything when absent. */
  readonly review?: () => ApiAnswer | Promise<ApiAnswer>;
}

/** A front proxy: whom a face trusts, what it serves with, and how the proxy connects to it. */
export async function createFrontProxy() {
  const folder = await createTemporaryFolder();
  onTestFinished(() => folder.remove());
  const { proxy } = await Aggregation.create(folder.path);
  const ca = await readFile(join(folder.path, 'front-proxy-ca.crt'), 'utf8');
  const { files } = await servingFiles(undefined, { dnsNames: ['localhost'], now: Date.now() });
  return {
    identity: { certificate: files['tls.crt'], key: files['tls.key'] },
    trust: parseProxyTrust({ metadata: { name: 'trust' }, data: { 'requestheader-client-ca-file': ca } }),
    tls: { ca: files['ca.crt'], cert: proxy.certificate, key: proxy.key },
  };
}

/** The port of a face with handlers of a test's own, and ways of the front proxy to it; all of it goes when the test ends. */
export async function openFacePort({ handlers, begin, review = () => allowed }: FacePortOptions) {
  const { identity, trust, tls } = await createFrontProxy();
  const api = await playApiServer(systemClock, review);
  onTestFinished(() => api[Symbol.asyncDispose]());
  const lines: string[] = [];
  const server = new FaceServer({
    identity,
    trust,
    access: new Access({ client: api.client, clock: systemClock }),
    handlers,
    begin,
    tally: new RequestTally({
      metrics: new FaceMetrics(),
      log: pino({}, { write: (line: string) => lines.push(line) }),
      clock: systemClock,
    }),
  });
  const port = await server.listen('localhost', 0);
  onTestFinished(() => server.close());
  // A session that is taken up again is not believed.
  const dispatcher = new Agent({ connect: { ...tls, maxCachedSessions: 0 } });
  onTestFinished(() => dispatcher.destroy());
  const origin = `https://localhost:${port}`;
  return {
    server,
    /** Of its log. */
    lines,
    /** For HTTP/1.1. */
    dispatcher,
    /** Where the streams of a namespace are. */
    streamsUrl: (namespace: string): string =>
      `${origin}/apis/image.openshift.io/v1/namespaces/${namespace}/imagestreams`,
    /** A session of HTTP/2. */
    connect: (): ClientHttp2Session => {
      const session = connect(origin, tls);
      onTestFinished(() => session.destroy());
      return session;
    },
  };
}
