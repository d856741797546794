/** Finds the pilot that a command means, and connects to it. Loads gRPC and the like only when a command needs a pilot. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { nearestName, PlatformError } from '#common';
import type { EventClient, PilotClient } from '#client';
import type { Connection } from '#model';
import type { CliContext } from './context.ts';

/** Ids of the pilots whose connection file is there. */
export async function findPilots(context: CliContext): Promise<string[]> {
  const { pilotPaths, pilotsDirectory, resolveHome } = await import('#pilot');
  const directory = pilotsDirectory(resolveHome(context.env));
  const { existsSync } = await import('node:fs');
  if (!existsSync(directory)) return [];
  return readdirSync(directory).filter((id) => existsSync(pilotPaths(join(directory, id)).connection)).sort();
}

/**
 * The connection of `--pilot`, or of the only pilot there is. Throws `not-found` where there is none, `usage` where there
 * are several, `permission-denied` where others could read the file.
 */
export async function readConnection(context: CliContext, wanted: string | undefined): Promise<Connection> {
  const found = await findPilots(context);
  const id = choose(found, wanted);
  const [{ pilotPaths, pilotsDirectory, resolveHome }, { readPrivate }, { connectionSchema }] = await Promise.all([
    import('#pilot'),
    import('#security'),
    import('#model'),
  ]);
  const file = pilotPaths(join(pilotsDirectory(resolveHome(context.env)), id)).connection;
  const parsed = connectionSchema.safeParse(JSON.parse(readPrivate(file)));
  if (parsed.success) return parsed.data;
  throw new PlatformError('invalid', `${file} is of another version or damaged`, {
    hint: 'Use the pilotfish that started the pilot, or end the pilot with "pilotfish down".',
    cause: parsed.error,
  });
}

function choose(found: readonly string[], wanted: string | undefined): string {
  if (wanted !== undefined) {
    if (found.includes(wanted)) return wanted;
    const near = nearestName(wanted, found);
    const hint = near ? `Did you mean "${near}"?` : 'See: pilotfish pilot list';
    throw new PlatformError('not-found', `there is no pilot "${wanted}"`, { hint });
  }
  const [only] = found;
  if (only === undefined) throw new PlatformError('not-found', 'no pilot is up', { hint: 'Start one: pilotfish up' });
  if (found.length === 1) return only;
  throw new PlatformError('usage', `${found.length} pilots are up: ${found.join(', ')}`, {
    hint: 'Choose one with --pilot ID or PILOTFISH_PILOT.',
  });
}

/** Runs `use` with a client of the gateway and closes it. */
export async function withPilot<T>(
  context: CliContext,
  wanted: string | undefined,
  use: (pilot: PilotClient, connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await readConnection(context, wanted);
  const { connectPilot } = await import('#client');
  using pilot = connectPilot(connection);
  return await use(pilot, connection);
}

/** Runs `use` with a client of the event streams and closes it. */
export async function withEvents<T>(
  context: CliContext,
  wanted: string | undefined,
  role: 'source' | 'viewer',
  use: (events: EventClient) => Promise<T>,
): Promise<T> {
  const connection = await readConnection(context, wanted);
  const { connectEvents } = await import('#client');
  await using events = await connectEvents(connection, role);
  return await use(events);
}

/** Adds "did you mean" to an error about an unknown function. */
export async function suggestFunction<T>(pilot: PilotClient, name: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (thrown) {
    throw await withSuggestion(pilot, name, PlatformError.from(thrown));
  }
}

async function withSuggestion(pilot: PilotClient, name: string, error: PlatformError): Promise<PlatformError> {
  if (error.code !== 'not-found' || error.hint !== '') return error;
  // A second failure would only hide the first.
  const known = await pilot.list().then(
    (functions) => functions.map((summary) => summary.name),
    () => [],
  );
  if (known.includes(name)) return error;
  const near = nearestName(name, known);
  const all = known.length === 0 ? 'Nothing is deployed: pilotfish deploy PATH' : `Deployed: ${known.slice(0, 10).join(', ')}`;
  return new PlatformError('not-found', error.message, { hint: near ? `Did you mean "${near}"?` : all, cause: error });
}
