/**
 * Every method of the gateway, who may call it, and which function it is about. A method that is not here is refused to
 * everybody; a test walks the service's definition and this table, method by method and role by role.
 */
import type { Role } from './roles.ts';

export interface MethodRule {
  readonly roles: readonly Role[];
  /** The function a request names, for tokens that are good for some functions only. Left off: it names none. */
  readonly functionOf?: (request: never) => string;
  /** What changes something is written into the audit log; so is every refusal. */
  readonly changes: boolean;
}

const everybody: readonly Role[] = ['admin', 'deploy', 'invoke', 'publish', 'view'];
const onlookers: readonly Role[] = ['admin', 'deploy', 'view'];
const callers: readonly Role[] = ['admin', 'deploy', 'invoke'];
const sources: readonly Role[] = ['admin', 'deploy', 'publish'];
const deployers: readonly Role[] = ['admin', 'deploy'];
const owners: readonly Role[] = ['admin'];

const byName = (request: { name: string }) => request.name;
const byFunction = (request: { function: string }) => request.function;
const byCall = (request: { call?: { function: string } | undefined }) => request.call?.function ?? '';

/** The id of an asynchronous call begins with its function's name. */
const byCallId = (request: { callId: string }) => request.callId.split('.', 1)[0] ?? '';

const reads = (roles: readonly Role[], functionOf?: MethodRule['functionOf']): MethodRule =>
  rule(roles, false, functionOf);
const changes = (roles: readonly Role[], functionOf?: MethodRule['functionOf']): MethodRule =>
  rule(roles, true, functionOf);

function rule(roles: readonly Role[], changing: boolean, functionOf?: MethodRule['functionOf']): MethodRule {
  return { roles, changes: changing, ...(functionOf ? { functionOf } : {}) };
}

export const methodRules: Readonly<Record<string, MethodRule>> = {
  // The function's name comes inside the stream: the handler asks once it has read it.
  Deploy: changes(deployers),
  ListFunctions: reads([...onlookers, 'invoke']),
  GetFunction: reads([...onlookers, 'invoke'], byName),
  DeleteFunction: changes(deployers, byName),
  SetAlias: changes(deployers, byName),
  Rollback: changes(deployers, byName),
  Promote: changes(deployers, byName),
  // Calls are counted by function and version; one by one they would be the log of the functions, not of the owner.
  Invoke: reads(callers, byFunction),
  InvokeStream: reads(callers, byCall),
  InvokeAsync: reads(callers, byCall),
  GetCall: reads(callers, byCallId),
  WaitCall: reads(callers, byCallId),
  ListCalls: reads(callers, byFunction),
  CancelCall: changes(callers, byCallId),
  Publish: reads(sources),
  ListSubjects: reads(onlookers),
  GetLatestEvent: reads(onlookers),
  ListNodes: reads(onlookers),
  WaitReady: reads(everybody),
  DrainNode: changes(owners),
  Watch: reads(onlookers),
  GetUsage: reads(onlookers),
  ListDeadLetters: reads(onlookers, byFunction),
  GetDeadLetter: reads(onlookers, byFunction),
  RedriveDeadLetters: changes(deployers, byFunction),
  PurgeDeadLetters: changes(deployers, byFunction),
  Logs: reads(onlookers, byFunction),
  GetScale: reads(onlookers, byName),
  GetNodeScale: reads(onlookers),
  SetScale: changes(deployers, byName),
  ListTriggers: reads(onlookers),
  PauseTrigger: changes(deployers, byFunction),
  SetSecret: changes(owners),
  ListSecrets: reads(onlookers),
  DeleteSecret: changes(owners),
  CreateToken: changes(owners),
  ListTokens: reads(owners),
  RevokeToken: changes(owners),
  RotateCertificates: changes(owners),
  TailAudit: reads(owners),
};

/** Undefined for a method that has no rule: to be refused. */
export function ruleOf(method: string): MethodRule | undefined {
  return Object.hasOwn(methodRules, method) ? methodRules[method] : undefined;
}
