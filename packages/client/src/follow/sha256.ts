/** A SHA-256 that bytes are added to as they come. By whatever the platform has for it. */
interface Sha256 {
  update(bytes: Uint8Array): void;
  /** Of all of them, lower case. To be asked for once. */
  hex(): string;
}

export type CreateSha256 = () => Sha256;

/** Lower case. */
export function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
