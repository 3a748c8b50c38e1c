// Fails when a clause of docs/contracts.md is named by no test, or when a test names a clause that is not there.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const contracts = readFileSync('docs/contracts.md', 'utf8');
const clauses = new Set(Array.from(contracts.matchAll(/^- \*\*([A-Z]+-\d+)\*\*/gm), ([, clause = '']) => clause));

const testFiles = execFileSync(
  'git',
  ['ls-files', '--cached', '--others', '--exclude-standard', '*.test.ts', '*/native/tests/*.rs', '*/native/src/*.rs'],
  {
    encoding: 'utf8',
  },
)
  .split('\n')
  .filter(Boolean);

const families = Array.from(new Set(Array.from(clauses, (clause) => clause.split('-')[0])));
const mention = new RegExp(`\\[((?:${families.join('|')})-\\d+(?:, ?(?:${families.join('|')})-\\d+)*)\\]`, 'g');
const named = new Map<string, string[]>();
for (const file of testFiles) {
  for (const [, list = ''] of readFileSync(file, 'utf8').matchAll(mention)) {
    for (const clause of list.split(/, ?/)) named.set(clause, [...(named.get(clause) ?? []), file]);
  }
}

const untested = Array.from(clauses).filter((clause) => !named.has(clause));
const unknown = Array.from(named).filter(([clause]) => !clauses.has(clause));
for (const clause of untested) console.error(`contracts: no test names ${clause}`);
for (const [clause, files] of unknown) console.error(`contracts: ${files[0]} names ${clause}, which is not in docs/contracts.md`);
if (clauses.size === 0) console.error('contracts: docs/contracts.md has no clauses');
if (untested.length + unknown.length > 0 || clauses.size === 0) process.exit(1);
console.log(`contracts: ${clauses.size} clauses, each named by a test`);
