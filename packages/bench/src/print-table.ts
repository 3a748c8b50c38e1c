import type { Measurement } from './measurement.ts';
import { summarize } from './statistics.ts';

/** The lines of the table: medians, with min–max in brackets. */
export function tableOf(measurements: readonly Measurement[]): string[] {
  const rows = measurements.map((m) => [
    m.name,
    m.unit,
    spread(m.worker),
    m.limit === undefined ? '' : spread(m.limit.samples),
    m.limit === undefined ? '' : spread(ratios(m.worker, m.limit.samples)),
    m.limit?.what ?? '',
  ]);
  const table = [['', '', 'Worker', 'limit', 'Worker ÷ limit', 'the limit is'], ...rows];
  const widths = (table[0] ?? []).map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  return table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** Of each round by itself: what disturbed a round disturbed both of its samples. */
function ratios(worker: readonly number[], limit: readonly number[]): number[] {
  return worker.flatMap((value, round) => {
    const bound = limit[round];
    return bound === undefined ? [] : [value / bound];
  });
}

function spread(values: readonly number[]): string {
  const { median, min, max } = summarize(values);
  return values.length === 1 ? short(median) : `${short(median)} (${short(min)}–${short(max)})`;
}

/** Three significant digits, and never an exponent. */
function short(value: number): string {
  const size = Math.abs(value);
  if (size >= 100) return value.toFixed(0);
  return value.toFixed(size >= 10 ? 1 : 2);
}
