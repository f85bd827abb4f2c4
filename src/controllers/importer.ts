/** Carries out a plan's imports against the registries. Every tag gets an outcome; nothing is thrown. */
import { manifestIdentifier, pinToDigest } from '../domain/image-reference.ts';
import type { PlannedTag } from '../domain/import-plan.ts';
import type { TagOutcome } from '../domain/import-status.ts';
import {
  chooseEntry,
  type Manifest,
  type Parsed,
  parseImageConfig,
  parseManifest,
} from '../domain/manifest.ts';
import type { RegistryClient, RepositoryAccess } from '../registry/client.ts';
import { RegistryError, toImportFailure } from '../registry/errors.ts';

type PlannedImport = Extract<PlannedTag, { kind: 'import' }>;

/** Imports of one stream that run at the same time. */
const parallelTags = 8;

/** Does the work for all planned tags of one stream; the outcomes are in the order of the plan. */
export async function runImports(
  tags: readonly PlannedTag[],
  registry: RegistryClient,
  signal: AbortSignal,
): Promise<TagOutcome[]> {
  const outcomes: TagOutcome[] = Array.from({ length: tags.length });
  const waiting = tags.entries();
  const worker = async (): Promise<void> => {
    for (const [i, planned] of waiting) outcomes[i] = await runTag(planned, registry, signal);
  };
  await Promise.all(Array.from({ length: Math.min(parallelTags, tags.length) }, worker));
  // What failed only because the operator stops says nothing about the image.
  signal.throwIfAborted();
  return outcomes;
}

async function runTag(
  planned: PlannedTag,
  registry: RegistryClient,
  signal: AbortSignal,
): Promise<TagOutcome> {
  const { tag, attempt } = planned;
  switch (planned.kind) {
    case 'record':
      return { tag, attempt, kind: 'resolved', dockerImageReference: planned.pullSpec, image: '' };
    case 'refuse':
      return { tag, attempt, kind: 'failed', failure: planned.failure };
    case 'import':
      try {
        const digest = await importImage(planned, registry, signal);
        const dockerImageReference = pinToDigest(planned.reference, digest);
        return { tag, attempt, kind: 'resolved', dockerImageReference, image: digest };
      } catch (error) {
        return { tag, attempt, kind: 'failed', failure: toImportFailure(error) };
      }
  }
}

/** The digest that the tag stands for, after its manifest and configuration were read and verified. */
async function importImage(
  planned: PlannedImport,
  registry: RegistryClient,
  signal: AbortSignal,
): Promise<string> {
  const access: RepositoryAccess = { reference: planned.reference, insecure: planned.insecure, signal };
  const fetched = await registry.getManifest(access, manifestIdentifier(planned.reference));
  const manifest = parsedValue(parseManifest(fetched.text, fetched.contentType));
  if (manifest.kind === 'image') {
    await checkConfig(manifest, registry, access);
    return fetched.digest;
  }
  if (planned.importMode === 'PreserveOriginal') return fetched.digest;
  const entry = chooseEntry(manifest.entries);
  if (entry === undefined) throw new RegistryError('invalid-manifest', 'the index lists no image');
  const chosen = await registry.getManifest(access, entry.digest);
  const image = parsedValue(parseManifest(chosen.text, chosen.contentType));
  if (image.kind !== 'image') throw new RegistryError('invalid-manifest', 'the index lists another index');
  await checkConfig(image, registry, access);
  return chosen.digest;
}

async function checkConfig(
  manifest: Extract<Manifest, { kind: 'image' }>,
  registry: RegistryClient,
  access: RepositoryAccess,
): Promise<void> {
  parsedValue(parseImageConfig(await registry.getConfig(access, manifest.config)));
}

function parsedValue<T>(parsed: Parsed<T>): T {
  if (parsed.ok) return parsed.value;
  throw new RegistryError(parsed.unsupported ? 'unsupported-manifest' : 'invalid-manifest', parsed.problem);
}
