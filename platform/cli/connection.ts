/** Connects to the pilot that a command means. Loads gRPC, NATS and the like only when a command needs a pilot. */
import type { EventClient, PilotClient } from '#client';
import { nearestName, PlatformError, platformVersion } from '#common';
import type { Connection } from '#model';
import type { CliContext } from './context.ts';

/** The connection of `--pilot` (an id, or a colleague's file), or of the only pilot there is; throws as `resolvePilot` and `readConnection` do. */
async function openConnection(context: CliContext, wanted: string | undefined): Promise<Connection> {
  const { readConnection, readConnectionFile, resolveHome, resolvePilot } = await import('#pilot');
  const isFile = wanted?.includes('/') || wanted?.endsWith('.json');
  const connection = isFile
    ? readConnectionFile(wanted ?? '')
    : readConnection(resolvePilot(resolveHome(context.env), wanted));
  noteVersions(context, connection);
  return connection;
}

/** Most things work between neighbouring versions; where one does not, its error should not be a riddle. */
function noteVersions({ stderr }: CliContext, { pilot, version }: Connection): void {
  if (version === platformVersion) return;
  stderr.write(`note: this is pilotfish ${platformVersion}, pilot ${pilot} was brought up by ${version}\n`);
}

/** Runs `use` with a client of the gateway and closes it. */
export async function withPilot<T>(
  context: CliContext,
  wanted: string | undefined,
  use: (pilot: PilotClient, connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await openConnection(context, wanted);
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
  const connection = await openConnection(context, wanted);
  const { connectEvents } = await import('#client');
  await using events = await connectEvents(connection, role);
  return await use(events);
}

/** The same with several sources, all connected before `use` begins. */
export async function withSources<T>(
  context: CliContext,
  wanted: string | undefined,
  count: number,
  use: (sources: readonly EventClient[]) => Promise<T>,
): Promise<T> {
  const connection = await openConnection(context, wanted);
  const { connectEvents } = await import('#client');
  await using opened = new AsyncDisposableStack();
  const sources: EventClient[] = [];
  while (sources.length < count) sources.push(opened.use(await connectEvents(connection, 'source')));
  return await use(sources);
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
    (): string[] => [],
  );
  if (known.includes(name)) return error;
  const near = nearestName(name, known);
  const all =
    known.length === 0 ? 'Nothing is deployed: pilotfish deploy PATH' : `Deployed: ${known.slice(0, 10).join(', ')}`;
  return new PlatformError('not-found', error.message, { hint: near ? `Did you mean "${near}"?` : all, cause: error });
}
