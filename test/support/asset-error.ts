/** The programs cannot be provided; the message is for a person and says what to do. */
export class AssetError extends Error {
  override readonly name = 'AssetError';
}
