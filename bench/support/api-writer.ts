/** Sends a great many prepared writes to the API server, as the admin. */
import { setTimeout as delay } from 'node:timers/promises';
import { Agent, request } from 'undici';
import type { ClusterFacts } from '../../test/support/cluster.ts';

/** Writers that the API server has work for at a time. */
export const writers = 16;
const busyWaitMs = 1_000;
const maxAttempts = 30;

const kinds = {
  create: { method: 'POST', contentType: 'application/json' },
  merge: { method: 'PATCH', contentType: 'application/merge-patch+json' },
  apply: { method: 'PATCH', contentType: 'application/apply-patch+yaml' },
} as const;

/** A write whose body is a text. */
export interface TextWrite {
  readonly kind: keyof typeof kinds;
  /** With its query. */
  readonly path: string;
  readonly body: string;
}

/** Knows how to reach the API server. */
export class ApiWriter implements AsyncDisposable {
  readonly #facts: ClusterFacts;
  readonly #agent: Agent;

  constructor(facts: ClusterFacts) {
    this.#facts = facts;
    this.#agent = new Agent({ connections: writers, connect: { ca: facts.ca } });
  }

  /** Sends a write, again as long as the server is busy, and resolves to the answer. Throws when it is refused. */
  async send({ kind, path, body }: TextWrite): Promise<string> {
    const { method, contentType } = kinds[kind];
    for (let attempt = 1; ; attempt++) {
      const answer = await request(this.#facts.url + path, {
        method,
        dispatcher: this.#agent,
        headers: {
          authorization: `Bearer ${this.#facts.tokens['admin'] ?? ''}`,
          'content-type': contentType,
        },
        body,
      });
      const text = await answer.body.text();
      if (answer.statusCode < 300) return text;
      if (answer.statusCode !== 429 || attempt === maxAttempts)
        throw new Error(`${method} ${path}: ${answer.statusCode} ${text}`);
      await delay(busyWaitMs);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }
}
