import { readFileSync } from 'node:fs';

/** The release, as in this package's own package.json: beside `src` in a checkout, beside `dist` once published. */
export const version = readVersion();

function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  if (typeof manifest === 'object' && manifest !== null && 'version' in manifest && typeof manifest.version === 'string')
    return manifest.version;
  throw new Error('package.json of @worker/server has no version');
}
