/** What {@link parseProcessors} takes, for messages. */
export const processorsForm = 'a number of processors such as 0.5 or 2';

/** Thousandths of one processor, or undefined when the text is not {@link processorsForm}. */
export function parseProcessors(text: string): number | undefined {
  const thousandths = /^\d+(?:\.\d{1,3})?$/.test(text) ? Math.round(Number(text) * 1000) : Number.NaN;
  return Number.isSafeInteger(thousandths) ? thousandths : undefined;
}
