// Prints what the test runners counted, as the last line of `make test` and `.ci/run`: `N passed, N failed`, and `, N skipped` where there are any, each named before, a failed one with the reason.
//
// usage: node tools/sum-tests.ts DIRECTORY STATUS — reads vitest's JSON reports (*.json) and cargo's output (*.log) below it. STATUS is that of the runners: when it is not 0
// though no test failed, that is a failure of its own. Exits 1 when anything failed, or when no test ran.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

const directory = process.argv[2] ?? 'test-results';
const runnersStatus = Number(process.argv[3] ?? 0);
const total = { passed: 0, failed: 0, skipped: 0 };

interface VitestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
}

// Below each failed test, so that whoever sees only the end of the output sees why.
const MOST_LINES = 8;

function sayFailed(name: string, why = ''): void {
  console.log(`failed: ${name}`);
  const lines = stripVTControlCharacters(why)
    .split('\n')
    .filter((line) => line.trim() !== '');
  for (const line of lines.slice(0, MOST_LINES)) console.log(`  ${line}`);
}

function addVitest(file: string): void {
  const report = JSON.parse(readFileSync(file, 'utf8')) as VitestReport;
  for (const suite of report.testResults) {
    for (const test of suite.assertionResults) {
      if (test.status === 'passed') total.passed++;
      else if (test.status === 'failed') total.failed++;
      else {
        total.skipped++;
        console.log(`skipped: ${test.fullName}`);
      }
      if (test.status === 'failed') sayFailed(test.fullName, test.failureMessages?.join('\n'));
    }
    // A file that did not load has no tests to fail.
    if (suite.status === 'failed' && !suite.assertionResults.some((test) => test.status === 'failed')) {
      total.failed++;
      sayFailed(suite.name, suite.message ?? 'did not load');
    }
  }
}

function addCargo(file: string): void {
  const text = readFileSync(file, 'utf8');
  const results = Array.from(text.matchAll(/^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/gm));
  for (const [, passed, failed, ignored] of results) {
    total.passed += Number(passed);
    total.failed += Number(failed);
    total.skipped += Number(ignored);
  }
  if (results.length === 0) {
    total.failed++;
    sayFailed(file, 'no test result in it');
  }
  const why = new Map(
    Array.from(text.matchAll(/^---- (\S+) stdout ----\n([^]*?)(?=\n---- |\nfailures:)/gm), ([, name, said]) => [name, said]),
  );
  for (const [, name = ''] of text.matchAll(/^test (\S+)(?: - should panic)? \.\.\. FAILED$/gm)) sayFailed(name, why.get(name));
  for (const [, name, reason] of text.matchAll(/^test (.+) \.\.\. ignored(?:, (.+))?$/gm))
    console.log(`skipped: ${name}: ${reason ?? 'no reason given'}`);
}

for (const name of readdirSync(directory, { encoding: 'utf8', recursive: true }).sort()) {
  if (name.endsWith('.json')) addVitest(join(directory, name));
  if (name.endsWith('.log')) addCargo(join(directory, name));
}

if (runnersStatus !== 0 && total.failed === 0) {
  total.failed++;
  sayFailed('a test runner', `ended with status ${runnersStatus}`);
}

console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ''}`);
if (total.failed > 0 || total.passed === 0) process.exit(1);
