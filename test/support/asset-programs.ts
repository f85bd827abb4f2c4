import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** The programs of a cluster, which the tests, the demo and the benchmarks run. */
export const assetPrograms = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kubectl',
  'registry',
] as const;

/** Those and the ones that only tests run. */
export const allPrograms = [...assetPrograms, 'helm'] as const;

export type AssetProgram = (typeof allPrograms)[number];

/** Where a program is built from: one of the pinned Go modules below `test/assets`. */
export interface AssetSource {
  readonly program: AssetProgram;
  /** Folder of the go.mod. */
  readonly moduleFolder: string;
  /** The Go package of its `main`. */
  readonly goPackage: string;
  /** Version of the program as go.mod pins it, for example `v1.37.2`. */
  readonly version: string;
  /** The oldest Go that builds it: the `go` line of go.mod, for example `1.26.0`. */
  readonly minimumGo: string;
  readonly linkerFlags: string;
  /** Names the cache folder; changes with everything that decides what is built. */
  readonly cacheKey: string;
}

const assetsFolder = fileURLToPath(new URL('../assets/', import.meta.url));

const packages = {
  helm: { module: 'helm', dependency: 'helm.sh/helm/v4', command: '/cmd/helm' },
  etcd: { module: 'etcd', dependency: 'go.etcd.io/etcd/server/v3', command: '' },
  'kube-apiserver': { module: 'kubernetes', dependency: 'k8s.io/kubernetes', command: '/cmd/kube-apiserver' },
  'kube-controller-manager': {
    module: 'kubernetes',
    dependency: 'k8s.io/kubernetes',
    command: '/cmd/kube-controller-manager',
  },
  kubectl: { module: 'kubernetes', dependency: 'k8s.io/kubernetes', command: '/cmd/kubectl' },
  registry: {
    module: 'registry',
    dependency: 'github.com/distribution/distribution/v3',
    command: '/cmd/registry',
  },
} as const satisfies Record<AssetProgram, { module: string; dependency: string; command: string }>;

/**
 * The environment variable that names a ready file for this program, for example `TEST_ASSET_KUBE_APISERVER`.
 */
export function assetVariable(program: AssetProgram): string {
  return `TEST_ASSET_${program.toUpperCase().replaceAll('-', '_')}`;
}

/** Reads from go.mod what is built for this program. */
export function assetSource(program: AssetProgram): AssetSource {
  const { module, dependency, command } = packages[program];
  const moduleFolder = `${assetsFolder}${module}`;
  const goMod = readFileSync(`${moduleFolder}/go.mod`, 'utf8');
  const version = firstMatch(goMod, new RegExp(`^\\s*${dependency.replaceAll('.', '\\.')} (v\\S+)`, 'm'));
  const linkerFlags = ['-s', '-w', ...(module === 'kubernetes' ? versionFlags(version) : [])].join(' ');
  const hash = createHash('sha256')
    .update([goMod, readFileSync(`${moduleFolder}/go.sum`, 'utf8'), linkerFlags].join('\0'))
    .digest('hex');
  return {
    program,
    moduleFolder,
    goPackage: dependency + command,
    version,
    minimumGo: firstMatch(goMod, /^go (\S+)/m),
    linkerFlags,
    cacheKey: `${module}-${version}-${process.platform}-${process.arch}-${hash.slice(0, 12)}`,
  };
}

/** Kubernetes learns its version from the linker; without it clients cannot parse what the server says it is. */
function versionFlags(version: string): string[] {
  const major = firstMatch(version, /^v(\d+)\./);
  const minor = firstMatch(version, /^v\d+\.(\d+)\./);
  return ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap((goPackage) => [
    `-X ${goPackage}.gitVersion=${version}`,
    `-X ${goPackage}.gitMajor=${major}`,
    `-X ${goPackage}.gitMinor=${minor}`,
  ]);
}

function firstMatch(text: string, pattern: RegExp): string {
  const found = pattern.exec(text)?.[1];
  if (found === undefined)
    throw new Error(`test/assets: nothing matches ${pattern} in a go.mod or its version`);
  return found;
}
