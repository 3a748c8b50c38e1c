import type { HostAbilities } from '../examine/host-abilities.ts';
import type { Surroundings } from '../examine/surroundings.ts';
import type { Policy, SubmissionRules } from '../submit/submission-rules.ts';
import { submissionRules } from '../submit/submission-rules.ts';
import type { Launcher } from './launcher.ts';

interface RuleParts {
  readonly policy: Policy;
  readonly launcher: Launcher;
  readonly surroundings: Surroundings;
}

/** The rules that submissions are held to: those of the launcher of the moment, for another may find the host changed. */
export class RulesOfMoment {
  readonly #parts: RuleParts;
  #known: { readonly for: HostAbilities; readonly rules: SubmissionRules } | undefined;

  constructor(parts: RuleParts) {
    this.#parts = parts;
  }

  get now(): SubmissionRules {
    const { policy, launcher, surroundings } = this.#parts;
    const { abilities } = launcher;
    if (this.#known?.for !== abilities) this.#known = { for: abilities, rules: submissionRules(policy, abilities, surroundings) };
    return this.#known.rules;
  }
}
