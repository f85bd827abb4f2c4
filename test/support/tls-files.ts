import { readFile } from 'node:fs/promises';

/** A certificate for 127.0.0.1 of a private authority. The facts of a test cluster are these files too. */
export interface TlsFiles {
  /** PEM of the authority: whoever trusts it trusts the certificate. */
  readonly ca: string;
  readonly certificatePath: string;
  readonly certificateKeyPath: string;
}

/** What Node's HTTPS servers take, both PEM. */
export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
}

/** Reads certificate and key. */
export async function readTlsIdentity(files: TlsFiles): Promise<TlsIdentity> {
  const [cert, key] = await Promise.all([
    readFile(files.certificatePath, 'utf8'),
    readFile(files.certificateKeyPath, 'utf8'),
  ]);
  return { cert, key };
}
