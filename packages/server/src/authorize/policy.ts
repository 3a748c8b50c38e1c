import type { Job } from '@worker/core';
import { refusal } from '../fail/refusal.ts';
import type { Principal } from '../identify/principal.ts';
import { roles, type MethodName, type Role, type RoleName } from './roles.ts';

/** Which roles a principal has. Never taken from the certificate beyond the principal itself. */
export type RolesOf = (principal: Principal) => readonly RoleName[];

const sees: Readonly<Record<Role['jobs'], (principal: Principal, job: Job) => boolean>> = {
  own: (principal, job) => job.owner === principal,
};

/** The decisions about a caller, made of its roles alone. Deny by default. */
export class Policy {
  readonly #rolesOf: RolesOf;

  constructor(rolesOf: RolesOf) {
    this.#rolesOf = rolesOf;
  }

  /** The first gate: PERMISSION_DENIED unless a role of the principal allows the method. */
  authorize(principal: Principal, method: MethodName): void {
    if (this.#rolesOf(principal).some((name) => roles[name].methods.has(method))) return;
    throw refusal('METHOD_DENIED', `${principal} may not call ${method}`);
  }

  /** The decision of the second gate; see `visibleJob`. */
  maySee(principal: Principal, job: Job): boolean {
    return this.#rolesOf(principal).some((name) => sees[roles[name].jobs](principal, job));
  }

  methodsOf(principal: Principal): MethodName[] {
    return [...new Set(this.#rolesOf(principal).flatMap((name) => [...roles[name].methods]))].sort();
  }
}
