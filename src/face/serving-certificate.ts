/**
 * The certificate that the face serves with, and the authority that vouches for it: made by the face itself, kept in a Secret, made
 * anew in good time. ADR 0023 says why a library makes them.
 */
// oxlint-disable-next-line import/no-unassigned-import -- what @peculiar/x509 needs to be there
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

/** PEM texts, as they stand in the Secret. */
export interface ServingFiles {
  readonly 'ca.crt': string;
  readonly 'ca.key': string;
  readonly 'tls.crt': string;
  readonly 'tls.key': string;
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 86_400_000;
const authorityMs = 3_650 * dayMs;
const servingMs = 365 * dayMs;
/** A third of its life before its end a certificate is made anew. */
const renewShare = 1 / 3;
/** Clocks differ. */
const backdatedMs = dayMs;

/**
 * Files that are good from now on: those that are there, or with a new certificate, or all new. `changed` when they are not those
 * that are there.
 */
export async function servingFiles(
  present: Partial<ServingFiles> | undefined,
  { dnsNames, now }: { readonly dnsNames: readonly string[]; readonly now: number },
): Promise<{ readonly files: ServingFiles; readonly changed: boolean }> {
  const authority = present === undefined ? undefined : readAuthority(present, now);
  if (
    authority !== undefined &&
    isGood(present?.['tls.crt'], { dnsNames, now, authority }) &&
    present?.['tls.key']
  )
    return { files: present as ServingFiles, changed: false };
  const issuer =
    authority === undefined ? await newAuthority(now) : await readKeys(authority, present?.['ca.key'] ?? '');
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.create({
    ...validity(now, servingMs),
    subject: `CN=${dnsNames[0] ?? ''}`,
    issuer: issuer.certificate.subject,
    publicKey: keys.publicKey,
    signingKey: issuer.keys.privateKey,
    signingAlgorithm: algorithm,
    extensions: [
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(dnsNames.map((value) => ({ type: 'dns' as const, value }))),
    ],
  });
  const files = {
    'ca.crt': issuer.certificate.toString('pem'),
    'ca.key': await pemOf(issuer.keys.privateKey),
    'tls.crt': certificate.toString('pem'),
    'tls.key': await pemOf(keys.privateKey),
  };
  return { files, changed: true };
}

/** When the files have to be looked at again (epoch milliseconds). */
export function renewAt(files: ServingFiles): number {
  return Math.min(
    renewalOf(new X509Certificate(files['tls.crt'])),
    renewalOf(new X509Certificate(files['ca.crt'])),
  );
}

interface Issuer {
  readonly certificate: X509Certificate;
  readonly keys: Pick<webcrypto.CryptoKeyPair, 'privateKey'>;
}

async function newAuthority(now: number): Promise<Issuer> {
  const keys = await newKeys();
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...validity(now, authorityMs),
    name: 'CN=imagestream-operator-api',
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
    ],
  });
  return { certificate, keys };
}

/** The authority of before; undefined when it is none, or nears its end. */
function readAuthority(present: Partial<ServingFiles>, now: number): X509Certificate | undefined {
  const certificate = readCertificate(present['ca.crt']);
  return certificate === undefined || !present['ca.key'] || now >= renewalOf(certificate)
    ? undefined
    : certificate;
}

async function readKeys(certificate: X509Certificate, key: string): Promise<Issuer> {
  const [bytes = new ArrayBuffer(0)] = PemConverter.decode(key);
  const privateKey = await webcrypto.subtle.importKey('pkcs8', bytes, algorithm, true, ['sign']);
  return { certificate, keys: { privateKey } };
}

function isGood(
  text: string | undefined,
  { dnsNames, now, authority }: { dnsNames: readonly string[]; now: number; authority: X509Certificate },
): boolean {
  const certificate = readCertificate(text);
  if (certificate === undefined || now >= renewalOf(certificate)) return false;
  const names =
    certificate.getExtension(SubjectAlternativeNameExtension)?.names.items.map(({ value }) => value) ?? [];
  return certificate.issuer === authority.subject && dnsNames.every((name) => names.includes(name));
}

function readCertificate(text: string | undefined): X509Certificate | undefined {
  try {
    return text === undefined ? undefined : new X509Certificate(text);
  } catch {
    return undefined;
  }
}

function renewalOf({ notBefore, notAfter }: X509Certificate): number {
  return notAfter.getTime() - renewShare * (notAfter.getTime() - notBefore.getTime());
}

function validity(now: number, ms: number): { serialNumber: string; notBefore: Date; notAfter: Date } {
  const serialNumber = Buffer.from(webcrypto.getRandomValues(new Uint8Array(16))).toString('hex');
  return { serialNumber, notBefore: new Date(now - backdatedMs), notAfter: new Date(now + ms) };
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  return PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}
