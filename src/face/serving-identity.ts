/** Keeps the certificate of the face in a Secret that all replicas share, and its APIService informed of the authority. */
import type { Logger } from 'pino';
import { type KubeObject, type Resource, type Secret, secrets } from '../api/resources.ts';
import type { KubeClient } from '../kube/client.ts';
import { isConflict, undefinedIfNotFound } from '../kube/errors.ts';
import type { Clock } from '../runtime/clock.ts';
import { type ServingFiles, servingFiles } from './serving-certificate.ts';

/** What an HTTPS server serves with, both PEM. */
export interface ServingIdentity {
  readonly certificate: string;
  readonly key: string;
}

/** Options of {@link ManagedIdentity}. */
export interface ManagedIdentityOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  /** Of the Secret and the Service. */
  readonly namespace: string;
  /** The Service by which the API server reaches the face. */
  readonly service: string;
}

interface ApiService extends KubeObject {
  readonly spec?: {
    readonly caBundle?: string;
    readonly service?: { readonly namespace?: string; readonly name?: string };
  };
}

const apiServices: Resource<ApiService> = {
  group: 'apiregistration.k8s.io',
  version: 'v1',
  kind: 'APIService',
  plural: 'apiservices',
  namespaced: false,
};
const apiService = { name: 'v1.image.openshift.io' };
const secretName = 'imagestream-operator-api-serving';
const names = ['ca.crt', 'ca.key', 'tls.crt', 'tls.key'] as const;
/** Replicas that start together each make one; the first is everybody's. */
const maxAttempts = 5;

/** Makes the certificate, and looks after it whenever it is asked for. */
export class ManagedIdentity {
  readonly #options: ManagedIdentityOptions;

  constructor(options: ManagedIdentityOptions) {
    this.#options = options;
  }

  /** The identity that is good now. Throws when the API server does not let it be kept. */
  async current(signal: AbortSignal): Promise<ServingIdentity> {
    const files = await this.#files(signal);
    await this.#tell(files['ca.crt'], signal);
    return { certificate: files['tls.crt'], key: files['tls.key'] };
  }

  async #files(signal: AbortSignal): Promise<ServingFiles> {
    const { client, clock, log, namespace, service } = this.#options;
    const dnsNames = [`${service}.${namespace}.svc`];
    for (let attempt = 1; ; attempt++) {
      const secret = await client
        .get(secrets, { namespace, name: secretName }, signal)
        .catch(undefinedIfNotFound);
      const { files, changed } = await servingFiles(filesOf(secret), { dnsNames, now: clock.now() });
      if (!changed) return files;
      try {
        await this.#keep(secret, files, signal);
        log.info({ namespace, secret: secretName }, 'serving certificate made');
        return files;
      } catch (error) {
        if (!isConflict(error) || attempt === maxAttempts) throw error;
      }
    }
  }

  async #keep(secret: Secret | undefined, files: ServingFiles, signal: AbortSignal): Promise<void> {
    const { client, namespace } = this.#options;
    const data = Object.fromEntries(names.map((name) => [name, Buffer.from(files[name]).toString('base64')]));
    if (secret === undefined) {
      const metadata = { namespace, name: secretName };
      const created = { apiVersion: 'v1', kind: 'Secret', metadata, type: 'kubernetes.io/tls', data };
      await client.create(secrets, created, signal);
      return;
    }
    const { uid, resourceVersion } = secret.metadata;
    const patch = { type: 'merge', document: { metadata: { uid, resourceVersion }, data } } as const;
    await client.patch(secrets, { namespace, name: secretName }, patch, signal);
  }

  /** The API server trusts the authority that stands in the APIService; one that is for somebody else is left alone. */
  async #tell(authority: string, signal: AbortSignal): Promise<void> {
    const { client, log, namespace, service } = this.#options;
    const present = await client.get(apiServices, apiService, signal).catch(undefinedIfNotFound);
    const wanted = Buffer.from(authority).toString('base64');
    const isOurs = present?.spec?.service?.name === service && present.spec.service.namespace === namespace;
    if (present === undefined || !isOurs || present.spec?.caBundle === wanted) return;
    const { uid, resourceVersion } = present.metadata;
    const document = { metadata: { uid, resourceVersion }, spec: { caBundle: wanted } };
    await client.patch(apiServices, apiService, { type: 'merge', document }, signal);
    log.info(apiService, 'the APIService trusts the serving certificate');
  }
}

function filesOf(secret: Secret | undefined): Partial<ServingFiles> | undefined {
  if (secret === undefined) return undefined;
  const texts = names.map((name) => [
    name,
    Buffer.from(secret.data?.[name] ?? '', 'base64').toString('utf8'),
  ]);
  return Object.fromEntries(texts) as Partial<ServingFiles>;
}
