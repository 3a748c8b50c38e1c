const host = String.raw`\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})`;
const grammar = new RegExp(`^(?:${host})(?::([0-9]{1,5}))?$`);

/**
 * Whether a request's authority (`:authority` or `Host`) is one that a URL can be made of. The adapter makes one of it and throws on what is not, outside of any promise,
 * which would end the process.
 */
export function isAuthority(authority: string | undefined): boolean {
  if (authority === undefined) return false;
  const match = grammar.exec(authority);
  return match !== null && Number(match[1] ?? 0) <= 65_535 && URL.canParse(`https://${authority}`);
}
