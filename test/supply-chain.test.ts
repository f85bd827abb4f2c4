// What others made and we build with or ship: where it comes from, what it may do, whether it may be shipped.
import { globSync } from 'node:fs';
import { load } from 'js-yaml';
import { describe, expect, it } from 'vitest';

import { matches, read, root } from './support/documents.ts';

interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
}

interface Workflow {
  readonly permissions: Readonly<Record<string, string>>;
  readonly on: Readonly<Record<string, unknown>>;
  readonly jobs: Readonly<Record<string, { readonly steps: readonly Step[] }>>;
}

interface Step {
  readonly uses?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly run?: string;
}

const manifest = JSON.parse(read('package.json')) as {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  optionalDependencies: Record<string, string>;
  allowScripts: Record<string, boolean>;
};
const { packages } = JSON.parse(read('package-lock.json')) as {
  packages: Readonly<Record<string, LockedPackage>>;
};
/** All packages but our own, by their folder. */
const locked = Object.entries(packages).filter(([folder]) => folder !== '');

describe('the packages', () => {
  it('are the ones that were looked at: each has a hash, and comes from the registry', () => {
    expect(locked.length).toBeGreaterThan(100);
    // Only what is from elsewhere, such as a Git repository, says where.
    const loose = locked.filter(
      ([, { resolved, integrity = '' }]) => resolved !== undefined || !integrity.startsWith('sha512-'),
    );
    expect(loose.map(([folder]) => folder)).toEqual([]);
  });

  it('are asked for by exact versions', () => {
    const { dependencies, devDependencies, optionalDependencies } = manifest;
    const asked = Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies });
    expect(asked.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
  });

  it('run no script when they are installed, but for those that somebody decided about', () => {
    const withScripts = locked
      .filter(([, { hasInstallScript }]) => hasInstallScript === true)
      .map(([folder]) => nameOf(folder));
    expect(withScripts.toSorted()).toEqual(Object.keys(manifest.allowScripts).toSorted());
  });

  it('run no script when the image is built', () => {
    expect(matches(read('Dockerfile'), /^RUN (npm ci .*)$/gm)).toEqual([
      expect.stringContaining('--ignore-scripts'),
    ]);
  });
});

describe('the licences of what is shipped', () => {
  /** Each lets a program under the Apache License 2.0 contain the package, with its notice. */
  const compatible = ['0BSD', 'Apache-2.0', 'BSD-3-Clause', 'ISC', 'MIT', 'PSF-2.0', 'Unlicense'];

  it('are compatible with our own', () => {
    const shipped = locked.filter(([, { dev }]) => dev !== true);
    expect(shipped.length).toBeGreaterThan(50);
    const others = shipped.filter(([, { license = 'none' }]) => !compatible.includes(license));
    expect(others.map(([folder, { license }]) => `${nameOf(folder)}: ${license}`)).toEqual([]);
    // What nobody has any more must not stay allowed.
    expect(new Set(shipped.map(([, { license }]) => license))).toEqual(new Set(compatible));
  });
});

describe.each(globSync('.github/workflows/*.yaml', { cwd: root }))('%s', (path) => {
  const text = read(path);
  const { permissions, on, jobs } = load(text) as Workflow;
  const steps = Object.values(jobs).flatMap((job) => job.steps);

  it('uses actions by the hash of a commit, with the version that it is, and only those of GitHub itself', () => {
    const used = matches(text, /uses: (.+)$/gm);
    expect(used.length).toBeGreaterThan(0);
    const pinned = /^actions\/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/;
    expect(used.filter((action) => !pinned.test(action))).toEqual([]);
  });

  it('may read only, unless a job says otherwise, and leaves no token in the checkout', () => {
    expect(permissions).toEqual({ contents: 'read' });
    expect(Object.keys(on)).not.toContain('pull_request_target');
    const checkouts = steps.filter(({ uses = '' }) => uses.startsWith('actions/checkout@'));
    expect(checkouts.map((step) => step.with?.['persist-credentials'])).toEqual(checkouts.map(() => false));
  });

  it('puts nothing that others write into a command', () => {
    expect(steps.filter(({ run = '' }) => run.includes('${{'))).toEqual([]);
  });

  it('runs only what is there', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const commands = steps.map(({ run = '' }) => run).join('\n');
    expect(matches(commands, /npm run ([\w:-]+)/g).filter((name) => scripts[name] === undefined)).toEqual([]);
    const folders = matches(commands, /\b((?:charts|config)\/[\w-]+(?:\/values\.yaml)?)/g);
    expect(folders.filter((each) => globSync(each, { cwd: root }).length === 0)).toEqual([]);
  });
});

describe('.github/workflows/release.yaml', () => {
  const text = read('.github/workflows/release.yaml');

  it('finds in the Dockerfile the base images that it pins', () => {
    const asked = matches(text, /\$\(default (\w+)\)/g);
    expect(asked).toEqual(matches(read('Dockerfile'), /^ARG (\w+_IMAGE)=\S+$/gm));
    expect(asked.filter((name) => !text.includes(`--build-arg "${name}=`))).toEqual([]);
  });

  it('finds in the values of the chart the lines that it replaces', () => {
    const values = read('charts/imagestream-operator/values.yaml');
    for (const line of matches(text, /s\|\^(.+?)\$\|/g).map((each) => each.replaceAll('\\"', '"')))
      expect(values.split('\n').filter((each) => each === line)).toHaveLength(1);
  });

  it('says what is in the image, how it was built, and who did it', () => {
    for (const wanted of ['--sbom=true', '--provenance=mode=max', 'cosign sign', 'cosign attest'])
      expect(text).toContain(wanted);
  });
});

/** `node_modules/a/node_modules/@b/c` is `@b/c`. */
function nameOf(folder: string): string {
  return folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
}
