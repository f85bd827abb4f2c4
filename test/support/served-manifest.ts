import { type Dispatcher, request } from 'undici';

/** A registry's answer to the request for a manifest. */
export interface ServedManifest {
  readonly status: number;
  readonly digest: unknown;
  readonly challenge: unknown;
  readonly contentType: unknown;
  readonly text: string;
}

/** Where and as whom to ask. */
export interface ManifestRequest {
  /** Of the registry. */
  readonly url: string;
  readonly repository: string;
  /** Tag or digest. */
  readonly reference: string;
  /** Value of the Authorization header. */
  readonly authorization?: string | undefined;
  /** Trusts the registry's certificate. */
  readonly dispatcher?: Dispatcher | undefined;
}

/** Asks for a manifest once, as a plain client that follows nothing and answers no challenge. */
export async function getServedManifest(options: ManifestRequest): Promise<ServedManifest> {
  const { url, repository, reference, authorization, dispatcher } = options;
  const { statusCode, headers, body } = await request(`${url}/v2/${repository}/manifests/${reference}`, {
    headers: {
      accept: 'application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json',
      ...(authorization !== undefined && { authorization }),
    },
    ...(dispatcher && { dispatcher }),
  });
  return {
    status: statusCode,
    digest: headers['docker-content-digest'],
    challenge: headers['www-authenticate'],
    contentType: headers['content-type'],
    text: await body.text(),
  };
}
