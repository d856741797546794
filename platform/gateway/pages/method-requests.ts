/**
 * The methods that may be called as JSON, and the form of their requests: untrusted text becomes the message that a gRPC
 * client would have sent. Who may call what is the gate's affair.
 */
import { z } from 'zod';
import { PlatformError } from '#common';

const name = z.string().max(256);
const count = z.int().nonnegative();
const sequences = z.array(count).max(10_000).default([]);
const optionalCount = count.max(10_000).optional();

const override = z.strictObject({
  min: optionalCount,
  max: optionalCount,
  weight: optionalCount,
  pausedIn: z.boolean().default(false),
  pausedOut: z.boolean().default(false),
});

export const methodRequests = {
  Watch: z.strictObject({ everyMs: count.default(1_000), history: z.boolean().default(false) }),
  ListFunctions: z.strictObject({}),
  GetFunction: z.strictObject({ name }),
  ListSubjects: z.strictObject({ pattern: name }),
  GetLatestEvent: z.strictObject({
    subject: name,
    pictureSide: count.max(4_096).default(0),
    knownSequence: count.default(0),
  }),
  ListNodes: z.strictObject({}),
  GetScale: z.strictObject({ name }),
  SetScale: z.strictObject({ name, override: override.optional() }),
  ListTriggers: z.strictObject({ function: name.default('') }),
  PauseTrigger: z.strictObject({ function: name, trigger: name, paused: z.boolean() }),
  ListDeadLetters: z.strictObject({ function: name, limit: count.max(1_000).default(50) }),
  GetDeadLetter: z.strictObject({ function: name, sequence: count }),
  RedriveDeadLetters: z.strictObject({ function: name, sequences }),
  PurgeDeadLetters: z.strictObject({ function: name, sequences }),
  Logs: z.strictObject({
    function: name,
    follow: z.boolean().default(false),
    sinceMs: count.default(0),
    fromSequence: count.default(0),
    level: z.string().max(16).default(''),
  }),
  Rollback: z.strictObject({ name, version: z.string().max(64).default('') }),
  Promote: z.strictObject({ name }),
  DrainNode: z.strictObject({ node: name, graceMs: count.max(3_600_000).default(30_000) }),
} as const;

export type JsonMethod = keyof typeof methodRequests;

export function isJsonMethod(method: string): method is JsonMethod {
  return Object.hasOwn(methodRequests, method);
}

/** Throws `invalid` for what is not JSON, or not of the method's form. */
export function parseMethodRequest(method: JsonMethod, text: string): object {
  let json: unknown;
  try {
    json = text === '' ? {} : JSON.parse(text);
  } catch (error) {
    throw new PlatformError('invalid', `the request of ${method} is not JSON`, { cause: error });
  }
  const parsed = methodRequests[method].safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new PlatformError('invalid', `${method}: ${issue?.path.join('.') || 'request'}: ${issue?.message}`, {
    hint: 'The messages stand in proto/pilotfish/v1, with names as in JSON.',
  });
}
