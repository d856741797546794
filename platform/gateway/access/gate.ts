/** The gate before the gateway's methods: asks the table, bounds what one caller may have under way, writes the audit log. */
import { type AccessDecision, decideAccess, decideFunction, decideSubject, type Role, ruleOf } from '#access';
import { type Clock, type ErrorCode, PlatformError } from '#common';
import type { Admission, AdmittedCall } from '#rpc';
import type { AuditLog } from './audit-log.ts';
import type { TokenBook } from './token-book.ts';

export interface GateOptions {
  readonly tokens: TokenBook;
  readonly audit: AuditLog;
  readonly clock: Clock;
}

interface CallBounds {
  readonly openMax: number;
  /** After a burst of as many. */
  readonly perSecondMax: number;
}

const tokenBounds: CallBounds = { openMax: 128, perSecondMax: 2_000 };
/** The owner's own programs, all together: several times what a gateway answers, so that only a loop without end meets it. */
const ownerBounds: CallBounds = { openMax: 16_384, perSecondMax: 50_000 };
/** Refusals of one caller that are written down in a second: a loop of them must not push out what mattered. */
const refusalsPerSecondMax = 5;

/** What one caller has used up. */
interface Account {
  open: number;
  calls: number;
  refusals: number;
  since: number;
}

export class Gate implements Admission {
  readonly #options: GateOptions;
  readonly #accounts = new Map<string, Account>();

  constructor(options: GateOptions) {
    this.#options = options;
  }

  /** Throws `permission-denied`; `no-capacity` where the caller has too much under way. The outcome is to be told once. */
  admit(call: AdmittedCall): (outcome: ErrorCode | 'ok') => void {
    const { method, caller, request } = call;
    const { tokens, clock } = this.#options;
    const moment = { nowMs: clock.now(), ownersSinceMs: tokens.ownersSinceMs };
    const decision = decideAccess(method, { ...caller, token: tokens.get(caller.name) }, request, moment);
    if (!decision.allowed) throw this.#refuse(call, decision);
    const account = this.#charge(call, decision.role);
    const changes = ruleOf(method)?.changes === true;
    return (outcome) => {
      this.#release(caller.name, account);
      if (changes) this.#write(call, decision.role, outcome);
    };
  }

  /** For a deployment, which names its function inside the stream. Throws `permission-denied`. */
  requireFunction(callerName: string, functionName: string): void {
    const token = this.#options.tokens.get(callerName);
    const decision = decideFunction(token?.functions ?? [], functionName, token?.role ?? 'admin');
    if (!decision.allowed) throw denied(decision);
  }

  /** For whoever publishes by way of the gateway. Throws `permission-denied`. */
  requireSubject(callerName: string, subject: string): void {
    const token = this.#options.tokens.get(callerName);
    const decision = decideSubject(token?.subjects ?? [], subject, token?.role ?? 'admin');
    if (!decision.allowed) throw denied(decision);
  }

  /** For who was admitted. */
  roleOf(callerName: string): { readonly role: Role; readonly functions: readonly string[] } {
    const token = this.#options.tokens.get(callerName);
    return { role: token?.role ?? 'admin', functions: token?.functions ?? [] };
  }

  #refuse(call: AdmittedCall, decision: Extract<AccessDecision, { allowed: false }>): PlatformError {
    const account = this.#account(call.caller.name);
    account.refusals += 1;
    if (account.refusals <= refusalsPerSecondMax)
      this.#write(call, this.#options.tokens.get(call.caller.name)?.role ?? 'none', 'permission-denied');
    this.#forget(call.caller.name, account);
    return denied(decision);
  }

  #charge(call: AdmittedCall, role: Role): Account {
    const { name } = call.caller;
    const account = this.#account(name);
    const { openMax, perSecondMax } = this.#options.tokens.get(name) ? tokenBounds : ownerBounds;
    if (account.open >= openMax || account.calls >= perSecondMax) {
      account.refusals += 1;
      if (account.refusals <= refusalsPerSecondMax) this.#write(call, role, 'no-capacity');
      const reason = account.open >= openMax ? `${openMax} calls open` : `${perSecondMax} calls a second`;
      throw new PlatformError('no-capacity', `"${name}" has ${reason}, and may have no more`, {
        hint: 'Wait for answers, or send events instead: their streams hold thousands.',
      });
    }
    account.open += 1;
    account.calls += 1;
    return account;
  }

  #release(name: string, account: Account): void {
    account.open -= 1;
    this.#forget(name, account);
  }

  /** The caller's account in the present second. */
  #account(name: string): Account {
    const now = this.#options.clock.monotonic();
    const account = this.#accounts.get(name) ?? { open: 0, calls: 0, refusals: 0, since: now };
    if (now - account.since >= 1_000) Object.assign(account, { calls: 0, refusals: 0, since: now });
    this.#accounts.set(name, account);
    return account;
  }

  /** Names come from certificates that we signed, yet an account of nothing is not kept. */
  #forget(name: string, account: Account): void {
    if (account.open === 0 && this.#options.clock.monotonic() - account.since >= 1_000) this.#accounts.delete(name);
  }

  #write({ method, caller, request }: AdmittedCall, role: string, outcome: string): void {
    this.#options.audit.write({
      timeMs: this.#options.clock.now(),
      who: caller.name,
      role,
      from: caller.address,
      what: method,
      about: aboutOf(request),
      outcome,
    });
  }
}

function denied({ reason, hint }: { readonly reason: string; readonly hint: string }): PlatformError {
  return new PlatformError('permission-denied', reason, { hint });
}

/** Longest name written down. */
const aboutCharsMax = 128;

/** The function, secret or token a request is about; never a payload. */
function aboutOf(request: unknown): string {
  if (typeof request !== 'object' || request === null) return '';
  for (const field of ['function', 'name', 'id', 'subject'])
    if (field in request) {
      const value: unknown = (request as Record<string, unknown>)[field];
      if (typeof value === 'string') return value.slice(0, aboutCharsMax);
    }
  return '';
}
