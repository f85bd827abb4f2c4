// What an API server and an aggregated one need to know each other: certificates, flags, and the APIService.
// oxlint-disable-next-line import/no-unassigned-import -- what @peculiar/x509 needs to be there
import 'reflect-metadata';
import type { webcrypto } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';

import type { KubeClient } from './kube-client.ts';
import { type KubeObject, namespaces, resource } from './resources.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 86_400_000;
export const serviceNamespace = 'imagestream-operator';
export const serviceName = 'imagestream-operator-api';

export const apiServices = resource<
  KubeObject & {
    readonly spec?: { readonly caBundle?: string };
    readonly status?: { readonly conditions?: readonly { type: string; status: string; message?: string }[] };
  }
>('apiregistration.k8s.io/v1', 'APIService', 'apiservices');

/** A key with its certificate, both PEM. */
export interface Identity {
  readonly certificate: string;
  readonly key: string;
}

/** An authority that can vouch for others. */
class Authority {
  readonly certificate: x509.X509Certificate;
  readonly #keys: webcrypto.CryptoKeyPair;

  private constructor(certificate: x509.X509Certificate, keys: webcrypto.CryptoKeyPair) {
    this.certificate = certificate;
    this.#keys = keys;
  }

  static async create(name: string): Promise<Authority> {
    const keys = await newKeys();
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      ...validity(),
      name: `CN=${name}`,
      keys,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      ],
    });
    return new Authority(certificate, keys);
  }

  async issue(name: string): Promise<Identity> {
    const keys = await newKeys();
    const certificate = await x509.X509CertificateGenerator.create({
      ...validity(),
      subject: `CN=${name}`,
      issuer: this.certificate.subject,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: algorithm,
      extensions: [new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth])],
    });
    const key = x509.PemConverter.encode(
      await crypto.subtle.exportKey('pkcs8', keys.privateKey),
      'PRIVATE KEY',
    );
    return { certificate: certificate.toString('pem'), key };
  }
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

function validity() {
  const now = Date.now();
  return {
    serialNumber: now.toString(16),
    notBefore: new Date(now - dayMs),
    notAfter: new Date(now + dayMs),
  };
}

/** An aggregation layer in a folder. */
export class Aggregation {
  /** For kube-apiserver. */
  readonly flags: readonly string[];
  /** Of the front proxy, as files. */
  readonly proxy: Identity;
  /** A client certificate of the same authority with another name. */
  readonly stranger: Identity;
  private constructor(parts: {
    flags: readonly string[];
    proxy: Identity;
    stranger: Identity;
  }) {
    this.flags = parts.flags;
    this.proxy = parts.proxy;
    this.stranger = parts.stranger;
  }

  static async create(folder: string): Promise<Aggregation> {
    const front = await Authority.create('front-proxy-ca');
    const proxy = await front.issue('front-proxy-client');
    const stranger = await front.issue('somebody-else');
    const write = async (name: string, text: string): Promise<string> => {
      const path = join(folder, name);
      await writeFile(path, text, { mode: 0o600 });
      return path;
    };
    const flags = [
      `--requestheader-client-ca-file=${await write('front-proxy-ca.crt', front.certificate.toString('pem'))}`,
      '--requestheader-allowed-names=front-proxy-client',
      '--requestheader-username-headers=X-Remote-User',
      '--requestheader-group-headers=X-Remote-Group',
      '--requestheader-extra-headers-prefix=X-Remote-Extra-',
      `--proxy-client-cert-file=${await write('front-proxy.crt', proxy.certificate)}`,
      `--proxy-client-key-file=${await write('front-proxy.key', proxy.key)}`,
    ];
    return new Aggregation({ flags, proxy, stranger });
  }

  async createNamespace(kube: KubeClient): Promise<void> {
    await kube.apply(namespaces, { metadata: { name: serviceNamespace } });
  }

  /** Gives `image.openshift.io/v1` to a server on a port of this machine. */
  async register(kube: KubeClient, port: number): Promise<void> {
    await kube.apply(resource('v1', 'Service', 'services'), {
      metadata: { namespace: serviceNamespace, name: serviceName },
      spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ port }] },
    } as KubeObject);
    await kube.apply(apiServices, {
      metadata: {
        name: 'v1.image.openshift.io',
        labels: { 'kube-aggregator.kubernetes.io/automanaged': 'false' },
      },
      spec: {
        group: 'image.openshift.io',
        version: 'v1',
        groupPriorityMinimum: 1_000,
        versionPriority: 100,
        service: { namespace: serviceNamespace, name: serviceName, port },
      },
    } as KubeObject);
  }
}
