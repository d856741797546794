/** What somebody may be at a pilot. The owner is `admin`; the others are given to colleagues and instruments as tokens. */

export const roles = {
  admin: 'everything, secrets and tokens included',
  deploy: 'deploy, roll back, scale and remove functions, and all that the others may',
  invoke: 'call functions, and see that they are there',
  publish: 'send events',
  view: 'look at functions, nodes, logs and dead letters',
} as const;

export type Role = keyof typeof roles;

export function isRole(text: string): text is Role {
  return Object.hasOwn(roles, text);
}
