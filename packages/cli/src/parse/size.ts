const units: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** What {@link parseSize} takes, for messages. */
export const sizeForm = 'a number of bytes such as 4096, 64KiB, 10MiB or 1.5GB';

/** Bytes, or undefined when the text is not {@link sizeForm}. A lone K or M could mean either of two sizes and is not taken. */
export function parseSize(text: string): number | undefined {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)([A-Za-z]*)$/.exec(text) ?? [];
  const factor = unit === undefined ? undefined : units[unit];
  if (amount === undefined || factor === undefined) return undefined;
  const bytes = Number(amount) * factor;
  return Number.isSafeInteger(Math.round(bytes)) ? Math.round(bytes) : undefined;
}

/** For people. */
export function formatSize(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const unit = ['KiB', 'MiB', 'GiB', 'TiB'].findLast((name) => bytes >= (units[name] ?? 1)) ?? 'KiB';
  return `${(bytes / (units[unit] ?? 1)).toFixed(1).replace(/\.0$/, '')} ${unit}`;
}
