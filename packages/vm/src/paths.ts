import { fileURLToPath } from 'node:url';

/** What prepare/prepare.sh made. From src/ and dist/ alike: both are one level below the package. */
export const CACHE = fileURLToPath(new URL('../cache', import.meta.url));
