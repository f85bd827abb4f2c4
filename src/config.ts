/** What each program is told by its settings. */
import type { ImportMode } from './domain/import-plan.ts';
import type { Platform } from './domain/manifest.ts';
import type { NamedKind } from './domain/named-kind.ts';
import type { LogLevel } from './observability/logger.ts';

/** What both programs need to ask registries alike, checked. */
export interface SharedConfig {
  readonly historyLimit: number;
  /** Path of the file that gave settings which neither a flag nor a variable gives; undefined when there is none. */
  readonly configFile: string | undefined;
  /** Path of a kubeconfig; undefined means KUBECONFIG, ~/.kube/config, or the pod's service account. */
  readonly kubeconfig: string | undefined;
  readonly logLevel: LogLevel;
  readonly importMode: ImportMode;
  readonly platform: Platform;
  /** Host and port; undefined when no registry serves the cluster's streams. */
  readonly localRegistry: string | undefined;
  readonly repositoryTagLimit: number;
  /** Path of the registry policy; undefined means that there is none. */
  readonly registryPolicy: string | undefined;
  /** Path of a PEM bundle. */
  readonly registryCa: string | undefined;
  readonly trustedRealms: readonly string[];
  readonly allowPrivateRegistries: boolean;
  readonly allowLinkLocal: boolean;
}

/** All settings of the operator, checked. */
export interface Config extends SharedConfig {
  readonly healthHost: string;
  /** 0 lets the system choose. */
  readonly healthPort: number;
  /** The one namespace that is served; undefined: all of them. */
  readonly watchNamespace: string | undefined;
  /** Milliseconds. */
  readonly imageGracePeriod: number;
  /** Milliseconds. */
  readonly schedulePeriod: number;
  /** Undefined: nobody can notify. 0 lets the system choose. */
  readonly notificationPort: number | undefined;
  readonly notificationHost: string;
  /** Path of a file with one secret a line. */
  readonly notificationSecretFile: string | undefined;
  /** Milliseconds. */
  readonly retryMin: number;
  /** Milliseconds. */
  readonly retryMax: number;
  /** Kinds of others that triggers serve. */
  readonly workloadKinds: readonly NamedKind[];
  readonly importConcurrency: number;
  readonly triggerConcurrency: number;
  readonly leaderElect: boolean;
  /** Undefined: that of the kubeconfig's context, in a pod that of the pod. */
  readonly leaseNamespace: string | undefined;
  readonly leaseName: string;
  /** Milliseconds. */
  readonly leaseDuration: number;
  /** Milliseconds, shorter than the duration. */
  readonly leaseRenewDeadline: number;
  /** Milliseconds, at most half of the deadline. */
  readonly leaseRetryPeriod: number;
  /** Parts of the namespaces, with a Lease each. */
  readonly shards: number;
  /** Most Leases that one process holds. */
  readonly shardLeases: number;
}

/** All settings of the API face, checked. */
export interface FaceConfig extends SharedConfig {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly metricsHost: string;
  /** Undefined: nobody can read metrics. 0 lets the system choose. */
  readonly metricsPort: number | undefined;
  /** Where the face runs. */
  readonly namespace: string;
  /** By which the API server reaches it. */
  readonly service: string;
  /** Path of a PEM file; undefined when the face makes its certificate itself. */
  readonly certificateFile: string | undefined;
  /** Path of the PEM file with its key; there is one when there is a certificate. */
  readonly keyFile: string | undefined;
}

/** The configuration of each program. */
export interface Configs {
  readonly operator: Config;
  readonly face: FaceConfig;
}

/** A program that has settings. */
export type Program = keyof Configs;

/** All settings of all programs. */
export type AllSettings = Config & FaceConfig;
