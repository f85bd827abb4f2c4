/** The versions of what a benchmark ran: of this repository, and of the programs that it pins for tests. */
import { readFile } from 'node:fs/promises';
import { release, totalmem } from 'node:os';
import { machine } from './command-line.ts';

const root = new URL('../../', import.meta.url);

/** Machine and versions as a row of a table. Throws when a file does not have what is looked for. */
export async function machineRow(): Promise<Readonly<Record<string, string>>> {
  const { model, processors, node, date } = machine();
  const { version } = JSON.parse(await read('package.json')) as { version: string };
  return {
    date: date.slice(0, 10),
    processors: `${processors}, ${model}`,
    memory: `${Math.round(totalmem() / 1024 ** 3)} GB`,
    Linux: release(),
    'Node.js': node.slice(1),
    operator: version,
    Kubernetes: await pinned('kubernetes', 'k8s.io/kubernetes'),
    etcd: await pinned('etcd', 'go.etcd.io/etcd/server/v3'),
    distribution: await pinned('registry', 'github.com/distribution/distribution/v3'),
  };
}

async function pinned(folder: string, module: string): Promise<string> {
  const path = `test/assets/${folder}/go.mod`;
  const words = (await read(path)).split(/\s+/);
  const at = words.findIndex((word, i) => word === module && /^v\d/.test(words[i + 1] ?? ''));
  if (at < 0) throw new Error(`${path} has no version of ${module}: mend this file`);
  return (words[at + 1] ?? '').slice(1);
}

function read(path: string): Promise<string> {
  return readFile(new URL(path, root), 'utf8');
}
