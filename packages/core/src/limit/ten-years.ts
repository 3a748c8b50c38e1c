/** The longest time that is taken for a limit or a wait: no ten years of the calendar are longer. */
export const TEN_YEARS_MS = 10 * 366 * 86_400_000;
