/** Reads from the API server as a client does that keeps its connections, and times it. */
import { Agent, request } from 'undici';
import type { ClusterFacts } from '../../test/support/cluster.ts';

const keepAliveMs = 120_000;
const answerMs = 120_000;

/** An answer that has come as a whole. */
export interface TimedAnswer {
  /** Of HTTP; 0 when there was none. */
  readonly status: number;
  /** Length of the body. */
  readonly bytes: number;
  /** As of `performance.now`. */
  readonly endedAt: number;
  /** What was answered, or went wrong, when the status is not 200. */
  readonly problem: string;
}

/** The connections of one client, as the admin, whom the API server does not make wait for others. */
export class ApiReader implements AsyncDisposable {
  readonly #facts: ClusterFacts;
  readonly #agent: Agent;

  /** It opens as many connections as it has requests at a time, up to that many. */
  constructor(facts: ClusterFacts, connections: number) {
    this.#facts = facts;
    this.#agent = new Agent({
      connections,
      connect: { ca: facts.ca, timeout: answerMs },
      keepAliveTimeout: keepAliveMs,
      headersTimeout: answerMs,
      bodyTimeout: answerMs,
    });
  }

  /** Reads the answer and keeps nothing of it. Never rejects. */
  async get(path: string, accept = 'application/json'): Promise<TimedAnswer> {
    try {
      const { statusCode, body } = await request(this.#facts.url + path, {
        dispatcher: this.#agent,
        headers: { authorization: `Bearer ${this.#facts.tokens['admin'] ?? ''}`, accept },
      });
      if (statusCode !== 200)
        return { status: statusCode, bytes: 0, endedAt: performance.now(), problem: await body.text() };
      let bytes = 0;
      for await (const chunk of body as AsyncIterable<Buffer>) bytes += chunk.length;
      return { status: 200, bytes, endedAt: performance.now(), problem: '' };
    } catch (error) {
      return { status: 0, bytes: 0, endedAt: performance.now(), problem: String(error) };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }
}

/** Throws a sentence when some answers were none. */
export function expectAnswers(what: string, answers: readonly TimedAnswer[]): void {
  const bad = answers.filter(({ status }) => status !== 200);
  const [first] = bad;
  if (first === undefined) return;
  throw new Error(`${what}: ${bad.length} of ${answers.length} failed: ${first.status} ${first.problem}`);
}
