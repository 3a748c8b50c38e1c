import { sha256 } from '@noble/hashes/sha2.js';
import { hexOf, type CreateSha256 } from '../follow/sha256.ts';

/** WebCrypto takes the whole at once; output does not come so. */
export const nobleSha256: CreateSha256 = () => {
  const hash = sha256.create();
  return { update: (bytes) => void hash.update(bytes), hex: () => hexOf(hash.digest()) };
};
