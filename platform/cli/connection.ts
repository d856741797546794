/** Connects to the pilot that a command means. Loads gRPC, NATS and the like only when a command needs a pilot. */
import type { EventClient, PilotClient, SourceOptions } from '#client';
import { nearestName, PlatformError, platformVersion, untilAborted } from '#common';
import type { Connection } from '#model';
import type { CliContext } from './context.ts';
import { progressLineOf } from './output/progress-line.ts';

/** A pilot's addresses for as long as a command runs. */
interface OpenConnection extends AsyncDisposable {
  readonly connection: Connection;
  /** How programs stay with the pilot while it moves. */
  readonly options: SourceOptions;
}

/** The connection of `--pilot` (an id, or a colleague's file), or of the only pilot there is; throws as `resolvePilot` and `readConnection` do. */
async function openConnection(context: CliContext, wanted: string | undefined): Promise<OpenConnection> {
  const { describeEnd, readConnection, readConnectionFile, resolveHome, resolvePilot } = await import('#pilot');
  if (context.via !== undefined) return await openTunnel(context, context.via, wanted);
  const find = () => resolvePilot(resolveHome(context.env), wanted);
  const isFile = isConnectionFile(wanted);
  const pilot = isFile ? undefined : find();
  // Nobody answers there, or somebody else by now.
  const end = pilot?.state === 'stopped' ? await describeEnd(pilot) : undefined;
  if (end) throw end;
  const read = () => (isFile ? readConnectionFile(wanted ?? '') : readConnection(find()));
  const connection = read();
  noteVersions(context, connection);
  const options = { locateBrokers: () => attempt(() => read().brokers) };
  return { connection, options, [Symbol.asyncDispose]: async () => undefined };
}

function isConnectionFile(wanted: string | undefined): boolean {
  return wanted?.includes('/') === true || wanted?.endsWith('.json') === true;
}

/** What `call` throws; where the pilot does not answer because it has ended, that is said instead. */
export async function explainEnd<T>(
  context: CliContext,
  wanted: string | undefined,
  call: () => Promise<T>,
): Promise<T> {
  try {
    return await call();
  } catch (thrown) {
    const error = PlatformError.from(thrown);
    // A host without power refuses nothing: then it is the time that ends.
    if ((error.code !== 'unavailable' && error.code !== 'timeout') || context.signal.aborted) throw thrown;
    throw (await findEnd(context, wanted)) ?? thrown;
  }
}

async function findEnd({ env, via }: CliContext, wanted: string | undefined): Promise<PlatformError | undefined> {
  const pilots = await import('#pilot');
  try {
    if (via !== undefined) return await pilots.describeRemoteEnd(pilots.parseVia(via), wanted);
    if (isConnectionFile(wanted)) return await pilots.describeJobEnd(pilots.readConnectionFile(wanted ?? ''));
    return await pilots.describeEnd(pilots.resolvePilot(pilots.resolveHome(env), wanted));
  } catch {
    // Its files have gone meanwhile, or ssh fails, too: what was thrown first says more.
    return undefined;
  }
}

async function openTunnel(context: CliContext, via: string, pilot: string | undefined): Promise<OpenConnection> {
  const { parseVia, Tunnel } = await import('#pilot');
  const onTrouble = (what: string) => context.stderr.write(`note: ${what}\n`);
  const tunnel = await Tunnel.open({ via: parseVia(via), pilot, onTrouble });
  noteVersions(context, tunnel.connection);
  // Nothing else of the pilot can be reached; where its ports lead, the tunnel looks up.
  const options = { onlyTheseBrokers: true };
  return { connection: tunnel.connection, options, [Symbol.asyncDispose]: () => tunnel[Symbol.asyncDispose]() };
}

/** None while the pilot's files are being replaced. */
function attempt(read: () => readonly string[]): readonly string[] {
  try {
    return read();
  } catch {
    return [];
  }
}

/** For commands that need to be where a pilot's jobs and files are. */
export function refuseVia({ via }: CliContext, words: string): void {
  if (via === undefined) return;
  const host = /^ssh:\/\/([^/]*)/.exec(via)?.[1] ?? 'login';
  throw new PlatformError(
    'usage',
    `\`pilotfish ${words}\` works where the pilot's jobs and files are: it does not go with --via`,
    {
      hint: `Run it there: ssh ${host} pilotfish ${words}`,
    },
  );
}

/** Most things work between neighbouring versions; where one does not, its error should not be a riddle. */
function noteVersions({ stderr }: CliContext, { pilot, version }: Connection): void {
  if (version === platformVersion) return;
  stderr.write(`note: this is pilotfish ${platformVersion}, pilot ${pilot} was brought up by ${version}\n`);
}

export interface OpenPilot extends AsyncDisposable {
  readonly pilot: PilotClient;
  readonly connection: Connection;
}

/** A client of the gateway, where it is now. */
export async function openPilot(context: CliContext, wanted: string | undefined): Promise<OpenPilot> {
  await using opening = new AsyncDisposableStack();
  const { connection } = opening.use(await openConnection(context, wanted));
  const { connectPilot } = await import('#client');
  const pilot = opening.use(connectPilot(connection));
  const opened = opening.move();
  return { pilot, connection, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/** Runs `use` with a client of the gateway and closes it. */
export async function withPilot<T>(
  context: CliContext,
  wanted: string | undefined,
  use: (pilot: PilotClient, connection: Connection) => Promise<T>,
): Promise<T> {
  return await explainEnd(context, wanted, async () => {
    await using opened = await openPilot(context, wanted);
    return await use(opened.pilot, opened.connection);
  });
}

/**
 * The same for a question or an act that is over once it is answered: a terminal is told who is waited for, and Ctrl-C ends it
 * at once, also where the pilot's node is frozen and would only be given up after half a minute.
 */
export async function askPilot<T>(
  context: CliContext,
  wanted: string | undefined,
  ask: (pilot: PilotClient, connection: Connection) => Promise<T>,
  what?: string,
): Promise<T> {
  let waitedFor = 'connecting to the pilot';
  using _ = progressLineOf(context).begin(() => waitedFor);
  const answer = withPilot(context, wanted, async (pilot, connection) => {
    waitedFor = `waiting for ${what ?? `an answer of pilot ${connection.pilot}`}`;
    return await ask(pilot, connection);
  });
  return await untilAborted(answer, context.signal);
}

/** Runs `use` with a client of the event streams and closes it. */
export async function withEvents<T>(
  context: CliContext,
  wanted: string | undefined,
  role: 'source' | 'viewer',
  use: (events: EventClient) => Promise<T>,
  own: Pick<SourceOptions, 'pack'> = {},
): Promise<T> {
  return await explainEnd(context, wanted, async () => {
    await using opened = await openConnection(context, wanted);
    const { connectEvents } = await import('#client');
    await using events = await connectEvents(opened.connection, role, { ...opened.options, ...own });
    return await use(events);
  });
}

/** The same with several sources, all connected before `use` begins. */
export async function withSources<T>(
  context: CliContext,
  wanted: string | undefined,
  count: number,
  use: (sources: readonly EventClient[]) => Promise<T>,
): Promise<T> {
  return await explainEnd(context, wanted, async () => {
    await using opened = new AsyncDisposableStack();
    const { connection, options } = opened.use(await openConnection(context, wanted));
    const { connectEvents } = await import('#client');
    const sources: EventClient[] = [];
    while (sources.length < count) sources.push(opened.use(await connectEvents(connection, 'source', options)));
    return await use(sources);
  });
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
