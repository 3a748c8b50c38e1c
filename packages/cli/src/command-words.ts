/** What is needed to know of a command's flags to find their end. */
export type FlagKinds = Readonly<Record<string, { readonly type: 'boolean' | 'option'; readonly char?: string | undefined }>>;

/**
 * Puts `--` before the first word that is neither a flag of ours nor the value of one: `run ls -la` is `run -- ls -la`, and flags behind the program are the
 * program's. With a `--` of the user's it stays as it is.
 */
export function markCommand(argv: readonly string[], flags: FlagKinds): string[] {
  for (let at = 0; at < argv.length; at += 1) {
    const word = argv[at] ?? '';
    if (word === '--') return [...argv];
    if (!word.startsWith('-') || word === '-') return [...argv.slice(0, at), '--', ...argv.slice(at)];
    if (takesNext(word, flags) && argv[at + 1] !== '--') at += 1;
  }
  return [...argv];
}

/** Our flags, and the words of the command exactly as typed; oclif's own parser reorders words that occur twice. */
export function splitCommand(argv: readonly string[]): { readonly own: string[]; readonly words: string[] } {
  const at = argv.indexOf('--');
  return at === -1 ? { own: [...argv], words: [] } : { own: argv.slice(0, at), words: argv.slice(at + 1) };
}

function takesNext(word: string, flags: FlagKinds): boolean {
  if (word.includes('=')) return false;
  const flag = word.startsWith('--')
    ? flags[word.slice(2)]
    : word.length === 2
      ? Object.values(flags).find(({ char }) => char === word[1])
      : undefined;
  return flag?.type === 'option';
}
