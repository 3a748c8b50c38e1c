import { constants } from 'node:os';

// The kernel's own bounds. The C library keeps 32 and 33 to itself, so that its SIGRTMIN is 34.
const FIRST_REAL_TIME = 34;
const LAST = 64;

const numberByName = new Map<string, number>(Object.entries(constants.signals).map(([name, number]) => [name, number]));
const nameByNumber = new Map<number, string>();
// The aliases SIGIOT and SIGPOLL share a number with SIGABRT and SIGIO, the names in use.
for (const [name, number] of numberByName) if (name !== 'SIGIOT' && name !== 'SIGPOLL') nameByNumber.set(number, name);

/**
 * The number of a signal given as a name with or without `SIG`, in any case (`SIGHUP`, `hup`, `SIGRTMIN+1`), or as a decimal number from 1 to 64.
 * Undefined for anything else.
 */
export function signalNumber(signal: string): number | undefined {
  if (/^[1-9][0-9]?$/.test(signal)) return Number(signal) <= LAST ? Number(signal) : undefined;
  const upper = signal.toUpperCase();
  const name = upper.startsWith('SIG') ? upper : `SIG${upper}`;
  return numberByName.get(name) ?? realTimeNumber(name);
}

function realTimeNumber(name: string): number | undefined {
  const match = /^SIGRTM(IN|AX)([+-][0-9]{1,2})?$/.exec(name);
  if (match === null) return undefined;
  const number = (match[1] === 'IN' ? FIRST_REAL_TIME : LAST) + Number(match[2] ?? 0);
  return number >= FIRST_REAL_TIME && number <= LAST ? number : undefined;
}

/** The name of a signal by its number, such as `SIGKILL` or `SIGRTMIN+1`; of a number that has none, the number. */
export function signalName(number: number): string {
  const name = nameByNumber.get(number);
  if (name !== undefined) return name;
  if (number < FIRST_REAL_TIME || number > LAST) return String(number);
  return number === FIRST_REAL_TIME ? 'SIGRTMIN' : `SIGRTMIN+${number - FIRST_REAL_TIME}`;
}
