const sizes: Readonly<Record<string, number>> = {
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
const times: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** What a flag takes, and its value by a parser that answers undefined for what it does not take. As `worker` has them, so that what one prints the other takes. */
export interface Quantity {
  readonly form: string;
  readonly parse: (text: string) => number | undefined;
}

/** Bytes. A lone K or M could mean either of two sizes and is not taken. */
export const size: Quantity = {
  form: 'a number of bytes such as 4096, 64KiB, 10MiB or 1.5GB',
  parse: (text) => {
    const [, amount, unit = ''] = /^(\d+(?:\.\d+)?)([A-Za-z]*)$/.exec(text) ?? [];
    const factor = sizes[unit];
    return amount === undefined || factor === undefined ? undefined : whole(Number(amount) * factor);
  },
};

/** Milliseconds. A bare number has no unit. */
export const duration: Quantity = {
  form: 'a time such as 500ms, 30s, 5m, 1h30m or 2d',
  parse: (text) => {
    if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/.test(text)) return undefined;
    let total = 0;
    for (const [, amount, unit = ''] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g))
      total += Number(amount) * (times[unit] ?? Number.NaN);
    return whole(total);
  },
};

export const count: Quantity = {
  form: 'a whole number, 1 or more',
  parse: (text) => (/^\d+$/.test(text) ? whole(Number(text)) : undefined),
};

/** Thousandths of one processor. */
export const processors: Quantity = {
  form: 'a number of processors such as 0.5 or 2',
  parse: (text) => (/^\d+(?:\.\d{1,3})?$/.test(text) ? whole(Number(text) * 1000) : undefined),
};

/** Of which something is left when rounded: a limit of nothing is a mistake. */
function whole(value: number): number | undefined {
  const rounded = Math.round(value);
  return rounded >= 1 && Number.isSafeInteger(rounded) ? rounded : undefined;
}
