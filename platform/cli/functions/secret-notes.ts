/** What `deploy` says of secrets that nobody has set: a function does not start without them, and its first event would tell. */
import type { PilotClient } from '#client';

/** One for each of `names` that is missing. Where the pilot does not say what it has, none: the deployment itself has succeeded. */
export async function secretNotes(
  pilot: Pick<PilotClient, 'secrets'>,
  names: readonly string[],
): Promise<readonly string[]> {
  if (names.length === 0) return [];
  const known = await pilot.secrets().catch(() => undefined);
  if (!known) return [];
  const set = new Set(known.map(({ name }) => name));
  const missing = [...new Set(names)].filter((name) => !set.has(name));
  return missing.map((name) => `note: the secret ${name} is not set: pilotfish secret set ${name} -f FILE`);
}
