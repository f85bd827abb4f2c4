import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';

import { eventually } from './eventually.ts';
import type { KubeClient } from './kube-client.ts';
import { customResourceDefinitions, type ResourceType, resource } from './resources.ts';

const READY_TIMEOUT_MS = 30_000;

type CustomResourceDefinition =
  typeof customResourceDefinitions extends ResourceType<infer Definition> ? Definition : never;

/**
 * Applies every CustomResourceDefinition of a folder's YAML files and waits until their objects can be listed:
 * the first requests after `Established` are still refused with 429 "storage is (re)initializing".
 * Returns the names of the definitions; none when the folder holds none.
 */
export async function installCrds(kube: KubeClient, folder: string): Promise<string[]> {
  const definitions = await readDefinitions(folder);
  for (const definition of definitions) await kube.apply(customResourceDefinitions, definition);
  await Promise.all(definitions.map((definition) => waitUntilServed(kube, definition)));
  return definitions.map(({ metadata }) => metadata.name);
}

async function readDefinitions(folder: string): Promise<CustomResourceDefinition[]> {
  const names = (await readdir(folder)).filter((name) => /\.ya?ml$/.test(name)).toSorted();
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  return texts.flatMap((text) => loadAll(text)).filter(isDefinition);
}

function isDefinition(document: unknown): document is CustomResourceDefinition {
  return (
    typeof document === 'object' &&
    document !== null &&
    'kind' in document &&
    document.kind === customResourceDefinitions.kind
  );
}

async function waitUntilServed(kube: KubeClient, definition: CustomResourceDefinition): Promise<void> {
  const { name } = definition.metadata;
  const options = { timeoutMs: READY_TIMEOUT_MS };
  await eventually(
    async () => {
      const { status } = await kube.get(customResourceDefinitions, { name });
      return status?.conditions?.some(({ type, status: is }) => type === 'Established' && is === 'True');
    },
    { ...options, what: `the definition ${name} to be established` },
  );
  const { group, names, versions } = definition.spec;
  for (const version of versions.filter(({ served }) => served)) {
    const type = resource(`${group}/${version.name}`, names.kind, names.plural);
    await eventually(() => kube.list(type), { ...options, what: `${name} to be served as ${version.name}` });
  }
}
