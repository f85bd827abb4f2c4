/** Updates and patches of Images, of which only labels and annotations can change. */
import type { Image } from '../api/generated/image.ts';
import { isJsonObject, type JsonObject, textOf, valueAt } from '../api/json.ts';
import { imageGroup, images } from '../api/resources.ts';
import { imageEdit } from '../domain/image-edit.ts';
import { imageTable } from '../domain/reference-tables.ts';
import { imageView, type ViewedImage } from '../domain/reference-views.ts';
import { withDigests } from '../domain/stored-image-name.ts';
import { strategicallyPatched } from '../domain/strategic-patch.ts';
import type { KubeClient } from '../kube/client.ts';
import { isConflict, KubeApiError } from '../kube/errors.ts';
import type { Clock } from '../runtime/clock.ts';
import { type Exchange, isDryRun, managerOf, readBody } from './exchange.ts';
import { mergePatched } from './merge-patch.ts';
import { parsed, parsedObject } from './parsed-body.ts';
import { badRequest, refusalOf, StatusError } from './status.ts';
import { readImage } from './stored-images.ts';
import { toServed } from './versions.ts';
import { sendView } from './view-answer.ts';

/** Options of {@link ImageEdits}. */
export interface ImageEditsOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
}

const maxAttempts = 5;
const jsonType = 'application/json-patch+json';
const mergeType = 'application/merge-patch+json';
const strategicType = 'application/strategic-merge-patch+json';

/** What an Image is to become, made from what it is. */
type Edit = (present: Image) => Promise<JsonObject> | JsonObject;

/** Answers updates and patches. */
export class ImageEdits {
  readonly #options: ImageEditsOptions;

  constructor(options: ImageEditsOptions) {
    this.#options = options;
  }

  /** Changes labels and annotations of the Image that a request names. */
  async serve(exchange: Exchange): Promise<void> {
    const text = await readBody(exchange.request);
    const [type = ''] = (exchange.request.headers['content-type'] ?? '').split(';');
    const edit =
      exchange.info.verb === 'update' ? replacement(text) : this.#patch(exchange, text, type.trim());
    const image = await this.#write(exchange, edit);
    sendView(exchange, toServed(imageView(image)), { table: imageTable, now: this.#options.clock.now() });
  }

  #patch(exchange: Exchange, text: string, type: string): Edit {
    const patch = parsed(text, 'Image');
    switch (type) {
      case mergeType:
      case strategicType:
        return (present) => mergedImage(present, patch, type);
      case jsonType:
        if (!Array.isArray(patch)) throw badRequest('a JSON patch is a list of operations');
        return async (present) => this.#rehearsed(exchange, present, patch);
      default:
        throw new StatusError(
          415,
          'UnsupportedMediaType',
          `the body of the request was in an unknown format - accepted media types include: ${[jsonType, mergeType, strategicType].join(', ')}`,
        );
    }
  }

  /** The API server knows what a JSON patch makes of an object. */
  async #rehearsed({ signal }: Exchange, present: Image, patch: readonly unknown[]): Promise<JsonObject> {
    const asked = { type: 'json', document: patch, dryRun: true } as const;
    const after = await this.#options.client.patch(images, { name: present.metadata.name }, asked, signal);
    return { ...imageView(after) };
  }

  /** Until the write is to the object that was judged. */
  async #write(exchange: Exchange, edit: Edit): Promise<Image> {
    const { info, signal } = exchange;
    const { client } = this.#options;
    const dryRun = isDryRun(exchange);
    for (let attempt = 1; ; attempt++) {
      const present = await readImage(client, info.name ?? '', signal);
      try {
        const after = await edit(present);
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

function replacement(text: string): Edit {
  const after = parsedObject(text, 'Image');
  return () => after;
}

function mergedImage(present: Image, patch: unknown, type: string): JsonObject {
  if (!isJsonObject(patch)) throw badRequest('the patch is not an object');
  const { resourceVersion: _, ...metadata } = imageView(present).metadata;
  // Only a version of the client's own is compared.
  const view: JsonObject = { ...(toServed(imageView(present)) as JsonObject), metadata };
  if (type === mergeType) return mergePatched(view, patch) as JsonObject;
  try {
    return strategicallyPatched(view, patch);
  } catch (error) {
    throw badRequest((error as Error).message);
  }
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
    throw invalid(name, 'metadata.resourceVersion: Invalid value: 0: must be specified for an update');
  if (wanted('uid') !== '' && wanted('uid') !== uid)
    throw conflict(
      name,
      `Precondition failed: UID in precondition: ${wanted('uid')}, UID in object meta: ${uid}`,
    );
  if (version !== '' && version !== resourceVersion)
    throw conflict(
      name,
      'the object has been modified; please apply your changes to the latest version and try again',
    );
  const edit = imageEdit(present, after);
  if (edit.kind === 'refused') throw invalid(name, `${edit.field}: ${edit.message}`);
  return edit.metadata;
}

function invalid(name: string, what: string): StatusError {
  const message = `Image.${imageGroup} ${JSON.stringify(name)} is invalid: ${what}`;
  return new StatusError(422, 'Invalid', message, { name, group: imageGroup, kind: 'Image' });
}

function conflict(name: string, why: string): StatusError {
  const message = `Operation cannot be fulfilled on images.${imageGroup} ${JSON.stringify(name)}: ${why}`;
  return new StatusError(409, 'Conflict', message, { name, group: imageGroup, kind: 'images' });
}

/** What the API server says, of the image under the name that people know. */
function refused(error: KubeApiError): StatusError {
  const { status } = refusalOf(error);
  return new StatusError(status.code, status.reason, withDigests(status.message));
}
