/** What went wrong with a registry, under a stable code. */
import { cleanText, type ImportFailure, type ImportFailureCode } from '../domain/import-failure.ts';
import { BodyTooLargeError } from '../runtime/bounded-body.ts';

/** A failed request or a refused answer. The message is cleaned: registries choose their words, we choose what is shown. */
export class RegistryError extends Error {
  readonly code: ImportFailureCode;
  /** How long the registry wants to be left alone, in milliseconds. */
  readonly retryAfterMs: number | undefined;
  /** With what was tried and what stood in the way, as clauses. */
  readonly notes: readonly string[] | undefined;

  constructor(
    code: ImportFailureCode,
    message: string,
    options: {
      retryAfterMs?: number | undefined;
      cause?: unknown;
      notes?: readonly string[] | undefined;
    } = {},
  ) {
    super(cleanText(message), { cause: options.cause });
    this.name = 'RegistryError';
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
    this.notes = options.notes;
  }
}

/** The failure for the status. */
export function toImportFailure({ code, message, retryAfterMs, notes }: RegistryError): ImportFailure {
  return { code, detail: message, retryAfterMs, notes };
}

/** Codes of Node, OpenSSL and undici. */
const knownCodes: Readonly<Record<string, ImportFailureCode>> = {
  ERR_SSL_WRONG_VERSION_NUMBER: 'plain-http',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'plain-http',
  ERR_SSL_HTTP_REQUEST: 'plain-http',
  EPROTO: 'unreachable',
  ERR_TLS_CERT_ALTNAME_INVALID: 'certificate',
  // https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/, as Node names them
  CERT_CHAIN_TOO_LONG: 'certificate',
  CERT_HAS_EXPIRED: 'certificate',
  CERT_NOT_YET_VALID: 'certificate',
  CERT_REJECTED: 'certificate',
  CERT_REVOKED: 'certificate',
  CERT_SIGNATURE_FAILURE: 'certificate',
  CERT_UNTRUSTED: 'certificate',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'certificate',
  HOSTNAME_MISMATCH: 'certificate',
  INVALID_CA: 'certificate',
  INVALID_PURPOSE: 'certificate',
  PATH_LENGTH_EXCEEDED: 'certificate',
  SELF_SIGNED_CERT_IN_CHAIN: 'certificate',
  UNABLE_TO_GET_ISSUER_CERT: 'certificate',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'certificate',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'certificate',
  // undici's, at a change of protocol that it did not ask for
  ERR_ASSERTION: 'not-a-registry',
  UND_ERR_BODY_TIMEOUT: 'timeout',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_HEADERS_OVERFLOW: 'too-large',
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: 'not-a-registry',
};

const plainTexts: Partial<Readonly<Record<ImportFailureCode, string>>> = {
  'not-a-registry': 'the host did not answer with valid HTTP',
  'plain-http': 'the registry gave an HTTP answer to an HTTPS request',
  timeout: 'the registry did not answer in time',
  'too-large': "the answer's headers are too long",
};

/** A request that was given up because its time was over. */
export function timeoutError(): RegistryError {
  return new RegistryError('timeout', plainTexts.timeout ?? '');
}

/** A failure below HTTP (connecting, TLS, a broken or endless answer) as a {@link RegistryError}. */
export function fromTransportFailure(error: unknown): RegistryError {
  if (error instanceof RegistryError) return error;
  if (error instanceof BodyTooLargeError)
    return new RegistryError('too-large', error.message, { cause: error });
  const { name, message, code } = describe(error);
  const known = knownCodes[code] ?? knownNames[name];
  if (known !== undefined) return new RegistryError(known, plainTexts[known] ?? message, { cause: error });
  return new RegistryError('unreachable', message, { cause: error });
}

const knownNames: Readonly<Record<string, ImportFailureCode>> = {
  HTTPParserError: 'not-a-registry',
  TimeoutError: 'timeout',
};

function describe(error: unknown): { name: string; message: string; code: string } {
  if (!(error instanceof Error)) return { name: '', message: String(error), code: '' };
  // Node joins the failures of several addresses into one error without a text of its own.
  const first = error instanceof AggregateError ? (error.errors[0] as unknown) : undefined;
  if (first instanceof Error) return describe(first);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return { name: error.name, message: messageOf(error, code), code };
}

function messageOf(error: Error, code: string): string {
  // OpenSSL's own text starts with a thread's number and ends with a line of its sources; its reason is a few words.
  if (code.startsWith('ERR_SSL_') && 'reason' in error && typeof error.reason === 'string') {
    return `the TLS handshake failed: ${error.reason}`;
  }
  // Node's advice is for who starts Node; the system's roots are trusted anyway.
  const text = error.message.replace(/; if the root CA is installed locally,.*$/s, '');
  return text === '' ? code : text;
}
