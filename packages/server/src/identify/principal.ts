/** Who calls: one e-mail address, in lower case. */
export type Principal = string & { readonly __principal: never };

/** RFC 5321 allows a path of 256 bytes, the angle brackets included. */
const maxBytes = 254;

/**
 * `local@domain`, ASCII alone, without any padding.
 * - local: 1 to 64 of letters, digits and `_ + % -`, with single dots between.
 * - domain: at least two labels of letters, digits and inner hyphens, 1 to 63 each; the last begins with a letter, so that it is never an address.
 */
const grammar =
  /^(?=.{1,64}@)[A-Za-z0-9_+%-]+(?:\.[A-Za-z0-9_+%-]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/;

/**
 * The principal that a certificate's CommonNames name: the only one there is, in lower case. `undefined` for anything else; never throws.
 *
 * Two addresses are the same principal when they are equal after the ASCII letters A–Z are mapped to a–z; nothing else is folded.
 *
 * @param commonName What Node gives for the subject's CN: a string, an array where there are several, or nothing.
 */
export function principalOf(commonName: unknown): Principal | undefined {
  if (typeof commonName !== 'string' || commonName.length > maxBytes) return undefined;
  // `$` without the m flag matches nothing but the very end, so a trailing newline fails as well.
  return grammar.test(commonName) ? (commonName.toLowerCase() as Principal) : undefined;
}
