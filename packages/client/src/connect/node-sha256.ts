import { createHash } from 'node:crypto';
import type { CreateSha256 } from '../follow/sha256.ts';

export const nodeSha256: CreateSha256 = () => {
  const hash = createHash('sha256');
  return { update: (bytes) => void hash.update(bytes), hex: () => hash.digest('hex') };
};
