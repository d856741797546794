/**
 * A pilot whose files lie on another machine, as seen from a laptop: its connection file is read through ssh, by a command
 * that needs nothing there but a shell.
 */
import { nearestName, PlatformError } from '#common';
import { type Connection, connectionSchema } from '#model';
import { type RunCommand, runThroughSsh } from '../scheduler/index.ts';

export interface Via {
  /** A name, perhaps with a user and a port. */
  readonly host: string;
  /** PILOTFISH_HOME there; left off: what the login node's own environment says. */
  readonly home: string | undefined;
}

/** Prints all connection files of a home, parted by a form feed, which no JSON holds. As `resolveHome` finds homes. */
const printConnections = `
home=\${1:-\${PILOTFISH_HOME:-\${XDG_STATE_HOME:-$HOME/.local/state}/pilotfish}}
for file in "$home"/pilots/*/connection.json; do
  if [ -f "$file" ]; then cat "$file"; printf '\\f'; fi
done
echo "$home"`;

/** Throws `usage` for what is not ssh://[user@]host[:port][/home]. */
export function parseVia(text: string): Via {
  const [, host, home = ''] = /^ssh:\/\/((?:[\w.-]+@)?[A-Za-z0-9][\w.-]*(?::\d+)?)(\/.*)?$/.exec(text) ?? [];
  if (host !== undefined) return { host, home: home.replace(/\/+$/, '') || undefined };
  throw new PlatformError('usage', `--via "${text}" is not understood`, {
    hint: 'Write it like ssh://login, or ssh://me@login:2222/scratch/me/pilotfish where PILOTFISH_HOME is not set there.',
  });
}

/** The named pilot, or the only one. Throws `not-found`, `usage` where several could be meant, `unavailable` without ssh. */
export async function readRemoteConnection(
  { host, home }: Via,
  wanted: string | undefined,
  run: RunCommand = runThroughSsh(host),
): Promise<Connection> {
  const { stdout, stderr } = await run(['/bin/sh', '-c', printConnections, 'sh', home ?? '']);
  const parts = stdout.split('\f');
  const end = parts.pop() ?? '';
  // Its last line is whole, or the answer was cut off.
  if (!end.endsWith('\n'))
    throw new PlatformError('unavailable', `ssh to ${host} ended before it had answered: ${stderr.trim()}`);
  const place = `${host}:${end.trim()}`;
  const all = parts.map((text) => parseConnection(text, place));
  const found = wanted === undefined ? all : all.filter(({ pilot }) => pilot === wanted);
  const [only, ...others] = found;
  if (only && others.length === 0) return withoutFiles(only);
  const names = all.map(({ pilot }) => pilot);
  if (only) {
    throw new PlatformError('usage', `there are ${found.length} pilots in ${place}: ${names.join(', ')}`, {
      hint: `Say which: --pilot ${only.pilot}`,
    });
  }
  const near = wanted === undefined ? undefined : nearestName(wanted, names);
  const what = wanted === undefined ? 'no pilot that is ready' : `no pilot "${wanted}" that is ready`;
  throw new PlatformError('not-found', `there is ${what} in ${place}`, {
    hint: near === undefined ? `Look there: ssh ${host} pilotfish pilot list` : `Did you mean ${near}?`,
  });
}

/** Another version may have written it in a way that this one does not know. */
function parseConnection(text: string, place: string): Connection {
  const parsed = connectionSchema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw new PlatformError('invalid', `a connection file in ${place} is not understood`, {
    hint: 'Was it written by another version of pilotfish? `pilotfish version` there and here tells.',
  });
}

/** What this machine does not see. */
function withoutFiles({ claims: _, ...connection }: Connection): Connection {
  return connection;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Cut off, or no JSON: said by whoever asked.
    return undefined;
  }
}
