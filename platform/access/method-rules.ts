/**
 * Every method at the gateway's port, who may call it, and which function it is about. A method that is not here is refused to
 * everybody; a test walks the service's definition and this table, method by method and role by role.
 */
import type { Role } from './roles.ts';

export interface MethodRule {
  readonly roles: readonly Role[];
  /** The function a request names, for tokens that are good for some functions only. Left off: it names none. */
  readonly functionOf?: (request: never) => string;
  /** It is about all functions at once: nothing for a token that is good for some of them. */
  readonly wholePilot?: true;
  /** What changes something is written into the audit log; so is every refusal. */
  readonly changes: boolean;
}

const everybody: readonly Role[] = ['admin', 'deploy', 'invoke', 'publish', 'view'];
const onlookers: readonly Role[] = ['admin', 'deploy', 'view'];
const callers: readonly Role[] = ['admin', 'deploy', 'invoke'];
const sources: readonly Role[] = ['admin', 'deploy', 'publish'];
const deployers: readonly Role[] = ['admin', 'deploy'];

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

/** Events belong to subjects, and a subject to no one function. */
const readsEvents: MethodRule = { ...reads(onlookers), wholePilot: true };
/** Whoever could make tokens could make himself one without bounds. */
const ownerReads: MethodRule = { ...reads(['admin']), wholePilot: true };
const ownerChanges: MethodRule = { ...changes(['admin']), wholePilot: true };

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
  ListSubjects: readsEvents,
  GetLatestEvent: readsEvents,
  ListNodes: reads(onlookers),
  WaitReady: reads(everybody),
  DrainNode: ownerChanges,
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
  SetSecret: ownerChanges,
  ListSecrets: reads(onlookers),
  DeleteSecret: ownerChanges,
  CreateToken: ownerChanges,
  ListTokens: ownerReads,
  RevokeToken: ownerChanges,
  RotateCertificates: ownerChanges,
  TailAudit: ownerReads,
  // What they say is no secret, but whoever has no access gets no answer here, either, and nobody without a bound.
  'Health/Check': reads(everybody),
  'Health/Watch': reads(everybody),
  'Health/List': reads(everybody),
  'ServerReflection/ServerReflectionInfo': reads(everybody),
};

/** Undefined for a method that has no rule: to be refused. */
export function ruleOf(method: string): MethodRule | undefined {
  return Object.hasOwn(methodRules, method) ? methodRules[method] : undefined;
}
