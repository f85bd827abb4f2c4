/** What went wrong with a registry, under a stable code. */
import { cleanText, type ImportFailure, type ImportFailureCode } from '../domain/import-failure.ts';

/** A failed request or a refused answer. The message is cleaned: registries choose their words, we choose what is shown. */
export class RegistryError extends Error {
  readonly code: ImportFailureCode;
  /** How long the registry wants to be left alone, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(
    code: ImportFailureCode,
    message: string,
    options: { retryAfterMs?: number | undefined; cause?: unknown } = {},
  ) {
    super(cleanText(message), { cause: options.cause });
    this.name = 'RegistryError';
    this.code = code;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** Any thrown value as a failure for the status. What is no {@link RegistryError} is a fault of ours and says so. */
export function toImportFailure(error: unknown): ImportFailure {
  if (error instanceof RegistryError) {
    return { code: error.code, detail: error.message, retryAfterMs: error.retryAfterMs };
  }
  return {
    code: 'registry-error',
    detail: cleanText(error instanceof Error ? error.message : String(error)),
  };
}

const refusedCodes: Readonly<Record<string, ImportFailureCode>> = {
  EPROTO: 'plain-http',
  ERR_SSL_WRONG_VERSION_NUMBER: 'plain-http',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'plain-http',
  ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR: 'unreachable',
  ERR_TLS_CERT_ALTNAME_INVALID: 'certificate',
  CERT_HAS_EXPIRED: 'certificate',
  CERT_NOT_YET_VALID: 'certificate',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'certificate',
  SELF_SIGNED_CERT_IN_CHAIN: 'certificate',
  UNABLE_TO_GET_ISSUER_CERT: 'certificate',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'certificate',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'certificate',
  UND_ERR_CONNECT_TIMEOUT: 'timeout',
  UND_ERR_HEADERS_TIMEOUT: 'timeout',
  UND_ERR_BODY_TIMEOUT: 'timeout',
};

const plainTexts: Partial<Readonly<Record<ImportFailureCode, string>>> = {
  'plain-http': 'the registry gave an HTTP answer to an HTTPS request',
  timeout: 'the registry did not answer in time',
};

/** A failure below HTTP (connecting, TLS, a broken or endless answer) as a {@link RegistryError}. */
export function fromTransportFailure(error: unknown): RegistryError {
  if (error instanceof RegistryError) return error;
  const { name, message, code } = describe(error);
  const known = refusedCodes[code];
  if (known !== undefined) return new RegistryError(known, plainTexts[known] ?? message, { cause: error });
  if (name === 'TimeoutError')
    return new RegistryError('timeout', plainTexts.timeout ?? '', { cause: error });
  return new RegistryError('unreachable', message, { cause: error });
}

function describe(error: unknown): { name: string; message: string; code: string } {
  if (!(error instanceof Error)) return { name: '', message: String(error), code: '' };
  // Node joins the failures of several addresses into one error without a text of its own.
  const first = error instanceof AggregateError ? (error.errors[0] as unknown) : undefined;
  if (first instanceof Error) return describe(first);
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return { name: error.name, message: error.message === '' ? code : error.message, code };
}
