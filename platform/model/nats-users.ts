/** `keys/nats-users.json`: the public nkeys that a pilot's servers know, by role and by token. */
import { z } from 'zod';

const tokenUserSchema = z.strictObject({
  id: z.string(),
  /** Public nkey. */
  key: z.string(),
  roles: z.array(z.enum(['source', 'viewer'])).min(1),
  /** Subjects it may publish to, as users write them; empty for all. */
  subjects: z.array(z.string()),
  expiresAtMs: z.number(),
});
export type TokenUser = z.infer<typeof tokenUserSchema>;

export const natsUsersSchema = z.strictObject({
  gateway: z.string(),
  agent: z.string(),
  source: z.string(),
  viewer: z.string(),
  /** The servers' own account. */
  system: z.string(),
  tokens: z.array(tokenUserSchema).default([]),
});
export type NatsUsers = z.infer<typeof natsUsersSchema>;
