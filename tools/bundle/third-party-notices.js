import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const apacheLicense = fileURLToPath(new URL('../../LICENSE', import.meta.url));

/** A plugin of Rolldown that puts THIRD-PARTY-NOTICES.txt beside the bundle of a program: which packages of others are in it, and what their licences demand to be passed on. */
export function thirdPartyNotices(program) {
  return {
    name: 'third-party-notices',
    generateBundle(_options, bundle) {
      const modules = Object.values(bundle).flatMap((file) => (file.type === 'chunk' ? Object.keys(file.modules) : []));
      const packages = Map.groupBy(
        modules.filter((id) => id.startsWith('/') && id.includes('/node_modules/')),
        packageOf,
      );
      const notices = [...packages].map(([directory, files]) => noticeOf(directory, files)).sort();
      const source = [
        `${program} contains these packages, under the licences that follow each.\n`,
        ...notices,
        `The Apache License 2.0, to which some of them refer:\n\n${readFileSync(apacheLicense, 'utf8')}`,
      ].join(`\n${'-'.repeat(80)}\n\n`);
      this.emitFile({ type: 'asset', fileName: 'THIRD-PARTY-NOTICES.txt', source });
    },
  };
}

/** The directory of the package that a file belongs to. */
function packageOf(file) {
  const [, directory] = /^(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file) ?? [];
  return directory;
}

function noticeOf(directory, files) {
  const { name, version, license } = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));
  const texts = readdirSync(directory)
    .filter((file) => /^(?:licen[cs]e|copying|notice)/i.test(file))
    .map((file) => readFileSync(join(directory, file), 'utf8').trim());
  // Some packages carry their licences in their files alone.
  const headers = new Set(files.map(headerOf).filter((header) => /copyright/i.test(header)));
  if (texts.length + headers.size === 0)
    throw new Error(`no licence is found in ${directory}: look for it, and teach ${import.meta.filename}`);
  return [`${name} ${version} (${license})`, ...texts, ...headers].map((text) => `${text}\n`).join('\n');
}

/** The comment of lines that a file begins with, without its slashes. */
function headerOf(file) {
  const lines = readFileSync(file, 'utf8').split('\n');
  const first = lines.findIndex((line) => !/^(?:#!|["']use strict)/.test(line));
  const end = lines.findIndex((line, at) => at >= first && !line.startsWith('//'));
  return lines
    .slice(first, end)
    .map((line) => line.replace(/^\/\/ ?/, ''))
    .join('\n');
}
