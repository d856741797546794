/** One call, one answer: may this caller do that? Pure; the caller's token comes out of the token book. */
import { matchSubject } from '#model';
import { methodRules, ruleOf } from './method-rules.ts';
import type { Role } from './roles.ts';
import { matchesAny, type Token } from './token.ts';

/** Common name of the certificate that `up` gives the pilot's owner. */
const ownerName = 'owner';

export interface AccessCaller {
  /** Common name of the certificate. */
  readonly name: string;
  /** When its certificate begins, milliseconds since 1970. */
  readonly validFromMs: number;
  /** What the book has under that name. */
  readonly token: Token | undefined;
}

export interface AccessMoment {
  readonly nowMs: number;
  /** Owners' certificates made before are not accepted any more: they were rotated. */
  readonly ownersSinceMs: number;
}

export type AccessDecision =
  | { readonly allowed: true; readonly role: Role }
  | { readonly allowed: false; readonly reason: string; readonly hint: string };

export function decideAccess(
  method: string,
  caller: AccessCaller,
  request: unknown,
  moment: AccessMoment,
): AccessDecision {
  const role = roleOf(caller, moment);
  if (typeof role !== 'string') return role;
  const rule = ruleOf(method);
  if (!rule?.roles.includes(role)) {
    const hint = rule ? `It takes the role ${rule.roles.join(' or ')}.` : 'No role may.';
    return refused(`the role "${role}" may not call ${method}`, hint);
  }
  const functions = caller.token?.functions ?? [];
  if (rule.wholePilot && functions.length > 0) {
    const hint = `It is for ${functions.join(', ')}, and this is about all functions.`;
    return refused(`this token may not call ${method}`, hint);
  }
  if (!rule.functionOf || request === undefined) return { allowed: true, role };
  return decideFunction(functions, rule.functionOf(request as never), role);
}

/** Methods that such a caller may call with one request or another, so that nobody is offered what is refused anyway. */
export function methodsOf(role: Role, functions: readonly string[]): string[] {
  return Object.entries(methodRules).flatMap(([method, { roles, wholePilot = false }]) =>
    roles.includes(role) && !(wholePilot && functions.length > 0) ? method : [],
  );
}

/** For calls that name their function later than at their start. */
export function decideFunction(functions: readonly string[], functionName: string, role: Role): AccessDecision {
  if (matchesAny(functions, functionName)) return { allowed: true, role };
  return refused(`this token is not good for the function "${functionName}"`, `It is for ${functions.join(', ')}.`);
}

/** For whoever publishes: a token may be good for some subjects only. */
export function decideSubject(subjects: readonly string[], subject: string, role: Role): AccessDecision {
  if (subjects.length === 0 || subjects.some((pattern) => matchSubject(pattern, subject)))
    return { allowed: true, role };
  return refused(`this token may not publish to "${subject}"`, `It may publish to ${subjects.join(', ')}.`);
}

function roleOf(caller: AccessCaller, { nowMs, ownersSinceMs }: AccessMoment): Role | Refusal {
  const { name, token, validFromMs } = caller;
  if (name === ownerName) {
    if (validFromMs >= ownersSinceMs) return 'admin';
    return refused("this owner's certificate was replaced", "The pilot's connection.json holds the new one.");
  }
  if (!token)
    return refused(`"${name}" has no access to this pilot`, 'Was the token revoked? Ask the owner for a new one.');
  // The certificate ends at the same moment, but a connection may live longer than its certificate.
  if (token.expiresAtMs <= nowMs) return refused(`the token "${name}" has expired`, 'Ask the owner for a new one.');
  return token.role;
}

type Refusal = Extract<AccessDecision, { allowed: false }>;

function refused(reason: string, hint: string): Refusal {
  return { allowed: false, reason, hint };
}
