/** What is kept of a token: who it is for, what it opens, how long. The key itself never leaves who asked for it. */
import { z } from 'zod';
import { roles } from './roles.ts';

/** Bounds of what one may ask for; a token that outlives the pilot opens nothing. */
export const tokenLimits = { functionsMax: 64, ttlMsMax: 30 * 86_400_000, nameCharsMax: 64, tokensMax: 1_000 } as const;

/** `recon-*`: letters, digits and hyphens, with `*` for any part. */
const functionPattern = z.string().regex(/^[a-z0-9*][a-z0-9*-]{0,62}$/, 'that is no pattern of function names');
const subjectPattern = z.string().regex(/^[^\s{}]{1,256}$/, 'that is no subject');

export const tokenSchema = z.strictObject({
  /** Common name of its certificate. */
  id: z.string().regex(/^t-[a-z0-9]{8}$/),
  /** For people: "beamline 7, detector". */
  name: z.string().max(tokenLimits.nameCharsMax),
  role: z.enum(Object.keys(roles) as [keyof typeof roles, ...(keyof typeof roles)[]]),
  /** Good for functions that one of these matches; empty for all. */
  functions: z.array(functionPattern).max(tokenLimits.functionsMax),
  /** Subjects it may publish to; empty for all. */
  subjects: z.array(subjectPattern).max(tokenLimits.functionsMax),
  createdAtMs: z.number(),
  expiresAtMs: z.number(),
  /** Public nkey of its NATS user; empty where it has none. */
  natsKey: z.string(),
});
export type Token = z.infer<typeof tokenSchema>;

/** Undefined for a record that is not one of ours. */
export function parseToken(text: string): Token | undefined {
  try {
    const parsed = tokenSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data : undefined;
  } catch {
    // Not JSON: not a record.
    return undefined;
  }
}

export function matchesAny(patterns: readonly string[], name: string): boolean {
  return patterns.length === 0 || patterns.some((pattern) => matches(pattern, name));
}

/** Compared part by part, without a regular expression: a pattern of stars cannot make it slow. */
function matches(pattern: string, name: string): boolean {
  const [first = '', ...rest] = pattern.split('*');
  if (rest.length === 0) return pattern === name;
  if (!name.startsWith(first)) return false;
  const last = rest.pop() ?? '';
  let at = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}
