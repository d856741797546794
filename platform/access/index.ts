/**
 * Who may do what at a pilot, decided in one place: `roles.ts` names the roles, `method-rules.ts` is the table of every
 * gRPC method, `decide-access.ts` answers a call, `token.ts` is what is kept of a token.
 */
export {
  type AccessCaller,
  type AccessDecision,
  type AccessMoment,
  decideAccess,
  decideFunction,
  decideSubject,
  methodsOf,
} from './decide-access.ts';
export { type MethodRule, methodRules, ruleOf } from './method-rules.ts';
export { isRole, type Role, roles } from './roles.ts';
export { type StreamRole, streamRolesOf } from './stream-roles.ts';
export { matchesAny, parseToken, type Token, tokenLimits, tokenSchema } from './token.ts';
