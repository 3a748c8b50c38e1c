export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The value below which the given share (0 to 1) of the values lies, by the nearest rank. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))];
  if (value === undefined) throw new RangeError('no values');
  return value;
}

export function summarize(values: readonly number[]): Summary {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

function median(values: readonly number[]): number {
  const low = quantile(values, 0.5);
  if (values.length % 2 === 1) return low;
  return (low + quantile(values, 0.5 + 1 / values.length)) / 2;
}
