/** What each pod of an installation has to be, as a list of what it is not. */
import type { KubeObject } from './resources.ts';

interface Container {
  readonly name: string;
  readonly image: string;
  readonly securityContext?: SecurityContext;
  readonly resources?: {
    readonly requests?: Readonly<Record<string, string>>;
    readonly limits?: Readonly<Record<string, string>>;
  };
  readonly ports?: readonly { readonly name?: string; readonly hostPort?: number }[];
}

interface SecurityContext {
  readonly runAsNonRoot?: boolean;
  readonly runAsUser?: number;
  readonly privileged?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
  readonly readOnlyRootFilesystem?: boolean;
  readonly seccompProfile?: { readonly type: string };
  readonly capabilities?: { readonly drop?: readonly string[]; readonly add?: readonly string[] };
}

/** The pod spec of a Deployment, as far as it is looked at. */
interface PodSpec {
  readonly containers: readonly Container[];
  readonly initContainers?: readonly Container[];
  readonly serviceAccountName?: string;
  readonly securityContext?: SecurityContext;
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly enableServiceLinks?: boolean;
  readonly volumes?: readonly Readonly<Record<string, unknown>>[];
}

/** A Deployment of an installation. */
export interface InstalledDeployment extends KubeObject {
  readonly spec: {
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: PodSpec;
    };
  };
}

/** Volumes that hold what the API server hands out, and nothing of the machine. */
const harmlessVolumes = ['name', 'configMap', 'secret', 'projected', 'downwardAPI', 'emptyDir'];

/** What is wrong with the pods of a Deployment, a sentence each. */
export function hardeningFaults({ spec: { template } }: InstalledDeployment): string[] {
  const pod = template.spec;
  const rules: Readonly<Record<string, boolean>> = {
    'the pod may run as root': pod.securityContext?.runAsNonRoot === true,
    'the pod has no seccomp profile': pod.securityContext?.seccompProfile?.type === 'RuntimeDefault',
    'the pod shares a namespace of the machine': !pod.hostNetwork && !pod.hostPID && !pod.hostIPC,
    'the pod has the default service account': !['', 'default'].includes(pod.serviceAccountName ?? ''),
    'the pod gets variables of Services': pod.enableServiceLinks === false,
    'the pod has a volume of the machine': (pod.volumes ?? [])
      .flatMap((volume) => Object.keys(volume))
      .every((key) => harmlessVolumes.includes(key)),
  };
  const containers = [...pod.containers, ...(pod.initContainers ?? [])];
  return [...brokenOf(rules), ...containers.flatMap(faultsOfContainer)];
}

function faultsOfContainer({ name, image, securityContext = {}, ports = [], ...rest }: Container): string[] {
  const { requests = {}, limits = {} } = rest.resources ?? {};
  const rules: Readonly<Record<string, boolean>> = {
    'may run as root': securityContext.runAsNonRoot !== false && securityContext.runAsUser !== 0,
    'has another seccomp profile': securityContext.seccompProfile === undefined,
    'is privileged': securityContext.privileged !== true,
    'may get more privileges': securityContext.allowPrivilegeEscalation === false,
    'may write to its file system': securityContext.readOnlyRootFilesystem === true,
    'keeps capabilities': securityContext.capabilities?.drop?.includes('ALL') === true,
    'adds capabilities': (securityContext.capabilities?.add ?? []).length === 0,
    'requests no processor': requests['cpu'] !== undefined,
    'requests no memory': requests['memory'] !== undefined,
    'has no limit of memory': limits['memory'] !== undefined,
    'has a limit of the processor': limits['cpu'] === undefined,
    'takes a port of the machine': ports.every(({ hostPort }) => hostPort === undefined),
    'has an image without a version': /(?::(?!latest$)[\w.-]+|@sha256:[0-9a-f]{64})$/.test(image),
  };
  return brokenOf(rules).map((fault) => `the container ${name} ${fault}`);
}

function brokenOf(rules: Readonly<Record<string, boolean>>): string[] {
  return Object.entries(rules).flatMap(([fault, holds]) => (holds ? [] : [fault]));
}
