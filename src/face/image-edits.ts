/** Updates and patches of Images, of which only labels and annotations can change. */
import type { Image } from '../api/generated/image.ts';
import { isJsonObject, type JsonObject, textOf, valueAt } from '../api/json.ts';
import { images } from '../api/resources.ts';
import { invalidFault } from '../domain/field-fault.ts';
import { imageEdit } from '../domain/image-edit.ts';
import { imageTable } from '../domain/reference-tables.ts';
import { imageView, type ViewedImage } from '../domain/reference-views.ts';
import { withDigests } from '../domain/stored-image-name.ts';
import type { KubeClient } from '../kube/client.ts';
import { isConflict, KubeApiError } from '../kube/errors.ts';
import type { Clock } from '../runtime/clock.ts';
import { type Exchange, isDryRun, managerOf } from './exchange.ts';
import { mergePatched } from './merge-patch.ts';
import { readObject } from './sent-body.ts';
import { readPatch } from './sent-patch.ts';
import { badRequest, conflict, hasChanged, invalid, refusalOf, StatusError } from './status.ts';
import { readImage } from './stored-images.ts';
import { toServed } from './versions.ts';
import { sendView } from './view-answer.ts';

/** Options of {@link ImageEdits}. */
export interface ImageEditsOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
}

const maxAttempts = 5;
/** What an Image is to become, made from what it is. */
type Edit = (present: Image) => JsonObject;

/** Answers updates and patches. */
export class ImageEdits {
  readonly #options: ImageEditsOptions;

  constructor(options: ImageEditsOptions) {
    this.#options = options;
  }

  /** Changes labels and annotations of the Image that a request names. */
  async serve(exchange: Exchange): Promise<void> {
    const edit = exchange.info.verb === 'update' ? await replacement(exchange) : await patchOf(exchange);
    const image = await this.#write(exchange, edit);
    sendView(exchange, toServed(imageView(image)), { table: imageTable, now: this.#options.clock.now() });
  }

  /** Until the write is to the object that was judged. */
  async #write(exchange: Exchange, edit: Edit): Promise<Image> {
    const { info, signal } = exchange;
    const { client } = this.#options;
    const dryRun = isDryRun(exchange);
    for (let attempt = 1; ; attempt++) {
      const present = await readImage(client, info.name ?? '', signal);
      try {
        const after = edit(present);
        const metadata = judged(imageView(present), after, info.verb === 'update');
        if (metadata === undefined) return present;
        const { uid, resourceVersion } = present.metadata;
        const document = { metadata: { ...metadata, uid, resourceVersion } };
        const patch = { type: 'merge', document, dryRun, ...managerOf(exchange) } as const;
        return await client.patch(images, { name: present.metadata.name }, patch, signal);
      } catch (error) {
        if (!(error instanceof KubeApiError)) throw error;
        if (!isConflict(error) || attempt === maxAttempts || info.verb === 'update') throw refused(error);
      }
    }
  }
}

async function replacement(exchange: Exchange): Promise<Edit> {
  const after = await readObject(exchange, 'Image');
  return () => after;
}

/** Of what a GET shows. Only a version of the client's own is compared. */
async function patchOf(exchange: Exchange): Promise<Edit> {
  const sent = await readPatch(exchange, 'Image', applied);
  return (present) => {
    const view = toServed(imageView(present)) as JsonObject;
    const { resourceVersion: _, ...metadata } = present.metadata;
    const after = sent.patched({
      ...view,
      metadata: { ...metadata, name: imageView(present).metadata.name },
    });
    if (isJsonObject(after)) return after;
    throw badRequest('the patch makes no object of the Image');
  };
}

/** Labels and annotations are added to those that are there; all else has to be as it is. */
function applied(document: JsonObject, sent: JsonObject): JsonObject {
  return { ...document, ...sent, metadata: mergePatched(document['metadata'], sent['metadata'] ?? {}) };
}

/** What to write. Throws when that is another object, or one that has changed, or something that cannot change. */
function judged(present: ViewedImage, after: JsonObject, needsVersion: boolean): JsonObject | undefined {
  const { name, uid, resourceVersion } = present.metadata;
  const wanted = (member: string): string => textOf(valueAt(after, ['metadata', member])) ?? '';
  if (wanted('name') !== name)
    throw badRequest(
      `the name of the object (${wanted('name')}) does not match the name on the URL (${name})`,
    );
  const version = wanted('resourceVersion');
  if (version === '' && needsVersion)
    throw invalid('Image', name, [
      invalidFault('metadata.resourceVersion', 0, 'must be specified for an update'),
    ]);
  if (wanted('uid') !== '' && wanted('uid') !== uid)
    throw conflict(
      'images',
      name,
      `Precondition failed: UID in precondition: ${wanted('uid')}, UID in object meta: ${uid}`,
    );
  if (version !== '' && version !== resourceVersion) throw conflict('images', name, hasChanged);
  const edit = imageEdit(present, after);
  if (edit.kind === 'refused') throw invalid('Image', name, [edit.fault]);
  return edit.metadata;
}

/** What the API server says, of the image under the name that people know. */
function refused(error: KubeApiError): StatusError {
  const { status } = refusalOf(error);
  return new StatusError(status.code, status.reason, withDigests(status.message));
}
