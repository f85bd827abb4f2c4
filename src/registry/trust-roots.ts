/** Whom TLS connections to registries trust. */
import { X509Certificate } from 'node:crypto';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';

/**
 * The certificates of a PEM bundle, one PEM text each. Text between them is left out, as OpenSSL does. Throws an Error
 * that says what is wrong when there are none or one cannot be read: Node would ignore both without a word.
 */
export function parseCaBundle(pem: string): readonly string[] {
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  if (certificates.length === 0) throw new Error('the CA bundle holds no certificate in PEM form');
  certificates.forEach((certificate, index) => {
    if (!isCertificate(certificate)) {
      throw new Error(`certificate ${index + 1} of the CA bundle cannot be read`);
    }
  });
  return certificates;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).serialNumber !== '';
  } catch {
    return false;
  }
}

/**
 * The roots that Node brings and those of the system (`SSL_CERT_FILE`, `SSL_CERT_DIR`, `NODE_EXTRA_CA_CERTS`), and the
 * bundles. Parsing takes 10 to 20 ms and a MB, so a context is made once and used for many connections.
 */
export function trustingContext(bundles: readonly (string | undefined)[]): SecureContext {
  const own = bundles.flatMap((bundle) => (bundle === undefined ? [] : parseCaBundle(bundle)));
  return createSecureContext({ ca: [...systemRoots(), ...own] });
}

/** Node keeps what it read: only the first call of a process takes time (60 ms). */
function systemRoots(): ReadonlySet<string> {
  return new Set([...getCACertificates('default'), ...getCACertificates('system')]);
}
