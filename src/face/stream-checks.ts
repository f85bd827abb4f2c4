/** What the reference looks up before it takes a stream (semantics 1.3, 1.7). */
import type { ImageStream } from '../api/generated/image-stream.ts';
import type { SourcedTag } from '../domain/import-attempt.ts';
import type { Access } from './access.ts';
import type { Exchange } from './exchange.ts';

/** Checks streams that are about to be written. */
export class StreamChecks {
  readonly #access: Access;

  constructor({ access }: { readonly access: Access }) {
    this.#access = access;
  }

  /** Throws the Status that the reference gives for a stream that it does not take. `changed` are its tags with a new source. */
  async check({ caller, info }: Exchange, _next: ImageStream, changed: readonly SourcedTag[]): Promise<void> {
    for (const { from } of changed) {
      const { namespace } = from;
      if (from.kind === 'DockerImage' || !namespace || namespace === info.namespace) continue;
      const [name = ''] = from.name.split(/[:@]/);
      const asked = {
        verb: 'get',
        namespace,
        resource: 'imagestreams',
        name,
        subresource: 'layers',
      } as const;
      await this.#access.check(caller, asked);
    }
  }
}
