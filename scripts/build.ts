/**
 * Bundles the operator and the API face into a file each for the container image: `node main.mjs` and `node face-main.mjs` need
 * nothing beside them but Node 24.
 *
 * Beside the bundle lie its source map, the licence comments of the sources, and the licences of the packages that
 * went into it. The same sources give the same bytes, wherever the checkout is.
 */
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build, type Metafile, type Plugin, transform } from 'esbuild';

const USAGE = `Usage: node scripts/build.ts [--outdir FOLDER] [--help]

Bundles src/main.ts and src/face-main.ts with everything that they import.

  --outdir  the folder to write to, default dist
  --help    print this text
`;

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Packages in CommonJS call `require` for Node's own modules, and an ES module has none. */
const REQUIRE_FOR_COMMONJS =
  'import { createRequire as createRequireForBundle } from "node:module"; ' +
  'const require = createRequireForBundle(import.meta.url);';

/**
 * Packages of which only a part is used, and whose modules do nothing but define: esbuild leaves the other modules out. Of the
 * Kubernetes client that is its models, a sixth of the memory of a start. They do not say so themselves.
 */
const USED_IN_PART = ['@kubernetes/client-node'];

/** A package of node_modules that is part of the bundle. */
interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** As its package.json says. */
  readonly license: string;
  /** Its LICENSE and NOTICE files. */
  readonly texts: readonly string[];
}

await main();

async function main(): Promise<void> {
  const options = parseOptions();
  if (options === undefined) process.exitCode = 2;
  else if (options.help) process.stdout.write(USAGE);
  else await bundle(resolve(options.outdir));
}

function parseOptions(): { readonly outdir: string; readonly help?: boolean } | undefined {
  try {
    const outdir = { type: 'string', default: join(ROOT, 'dist') } as const;
    return parseArgs({ options: { outdir, help: { type: 'boolean' } } }).values;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    return undefined;
  }
}

async function bundle(outdir: string): Promise<void> {
  const { metafile, outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: ['src/main.ts', 'src/face-main.ts'],
    // Written below: so the paths in the source map do not depend on --outdir.
    outdir: 'dist',
    outExtension: { '.js': '.mjs' },
    write: false,
    // Nor on where a linked node_modules really lies.
    preserveSymlinks: true,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    banner: { js: REQUIRE_FOR_COMMONJS },
    // Not minified: stack traces stay readable by themselves. Measured: as fast and as small in memory, while
    // minified code with --enable-source-maps takes 30 MB more.
    legalComments: 'linked',
    sourcemap: 'linked',
    sourcesContent: false,
    metafile: true,
    logLevel: 'warning',
    plugins: [leaveOutUnusedModules()],
  });
  const packages = await bundledPackages(metafile);
  await mkdir(outdir, { recursive: true });
  for (const { path, text } of outputFiles)
    await writeFile(join(outdir, basename(path)), path.endsWith('.mjs') ? await asciiOf(text) : text);
  await writeFile(join(outdir, 'THIRD_PARTY_NOTICES.txt'), noticesOf(packages));
  await copyFile(join(ROOT, 'LICENSE'), join(outdir, 'LICENSE'));
}

function isIndexOf(name: string, file: string): boolean {
  return file.includes(`/node_modules/${name}/`) && basename(file) === 'index.js';
}

function leaveOutUnusedModules(): Plugin {
  const seen = Symbol('seen');
  return {
    name: 'leave out unused modules',
    setup: (building) => {
      building.onResolve(
        { filter: /^[@.]/ },
        async ({ path, kind, pluginData, with: attributes, ...from }) => {
          // What an index does not hand on to anybody needs nobody else's say.
          const isPart = USED_IN_PART.some((name) => path === name || isIndexOf(name, from.importer));
          if (pluginData === seen || !isPart) return undefined;
          const resolved = await building.resolve(path, {
            ...from,
            kind,
            pluginData: seen,
            with: attributes,
          });
          return resolved.errors.length === 0 ? { ...resolved, sideEffects: false } : undefined;
        },
      );
    },
  };
}

/**
 * V8 keeps a text with a single other character at twice its length. esbuild writes strings and names in ASCII, but not comments and
 * regular expressions. Throws when something else than a comment would change.
 */
async function asciiOf(text: string): Promise<string> {
  const { code } = await transform(text, { minifyWhitespace: true, legalComments: 'none' });
  const other = /[^\n\r\t -~]/u.exec(code);
  if (other !== null) {
    const place = code.slice(Math.max(0, other.index - 60), other.index + 20);
    throw new Error(`The bundle has ${JSON.stringify(other[0])} in: ${place}`);
  }
  return text.replaceAll(/[^\n\r\t -~]/gu, '?');
}

/** The packages of which something is in the bundle, by name and version. */
async function bundledPackages(metafile: Metafile): Promise<BundledPackage[]> {
  const files = Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs).flatMap(([file, { bytesInOutput }]) => (bytesInOutput > 0 ? [file] : [])),
  );
  const folders = new Set(
    files.flatMap((file) => /^.*\bnode_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? []),
  );
  const packages = await Promise.all([...folders].map((folder) => readPackage(join(ROOT, folder))));
  // The same version can lie in several folders.
  const unique = new Map(packages.map((each) => [`${each.name} ${each.version}`, each]));
  return [...unique].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each);
}

async function readPackage(folder: string): Promise<BundledPackage> {
  const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as {
    name: string;
    version: string;
    license?: string;
  };
  const files = (await readdir(folder)).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file));
  const texts = await Promise.all(files.toSorted().map((file) => readFile(join(folder, file), 'utf8')));
  if (license === undefined) {
    throw new Error(`${name} ${version} does not say its licence: find out whether it may be shipped.`);
  }
  return { name, version, license, texts };
}

function noticesOf(packages: readonly BundledPackage[]): string {
  const line = '-'.repeat(80);
  const notices = packages.map(({ name, version, license, texts }) => {
    const body = texts.length > 0 ? texts : ['The package ships no licence text of its own.'];
    return `${line}\n${name} ${version} (${license})\n${line}\n\n${body.map((text) => text.trim()).join('\n\n')}\n`;
  });
  return `This program contains the following packages.\n\n${notices.join('\n')}`;
}
