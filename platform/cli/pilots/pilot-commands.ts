/** `pilotfish pilot wait|info|logs`: one pilot and its scheduler jobs, found by its files. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { formatDuration } from '#common';
import type { Connection } from '#model';
import type { BlockReport, PilotSummary } from '#pilot';
import { type CommandFactory, type CommonOptions, flag, newCommand, outputOf, positiveInteger } from '../command.ts';
import { refuseVia } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { gatewayUrl } from '../gateway-url.ts';
import { phaseText } from '../output/phase-text.ts';

/** A gateway that does not answer for so long is said to be nowhere. */
const gatewayMs = 2_000;

/** The pilot that is named, or the only one. */
async function choosePilot(context: CliContext, id: string | undefined, options: CommonOptions): Promise<PilotSummary> {
  refuseVia(context, 'pilot wait|info|logs');
  const { resolveHome, resolvePilot } = await import('#pilot');
  return resolvePilot(resolveHome(context.env), id ?? options.pilot);
}

export const pilotWaitCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'wait',
    summary: 'wait until a pilot is ready that was brought up with --detach',
    examples: ['pilotfish pilot wait', 'pilotfish pilot wait p-7k2m'],
  })
    .argument('[id]', 'the pilot, where there are several')
    .action(async (id: string | undefined, options: CommonOptions) => {
      const output = outputOf(context, options);
      const pilot = await choosePilot(context, id, options);
      const { waitForPilot } = await import('#pilot');
      const startedAt = performance.now();
      using _ = output.waiting(`waiting for ${pilot.pilot}`);
      await waitForPilot(pilot.directory, {
        onPhase: (phase) => output.note(phaseText({ ...phase, ms: performance.now() - startedAt })),
        signal: context.signal,
        waitReady: async (connection, nodes, timeoutMs) => {
          const { connectPilot } = await import('#client');
          using client = connectPilot(connection);
          await client.waitReady(nodes, timeoutMs);
        },
      });
      await output.bare(pilot.pilot, { pilot: pilot.pilot, directory: pilot.directory });
    });

export const pilotInfoCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'info',
    summary: 'tell where a pilot can be reached by any NATS or gRPC client, and which jobs it has',
    examples: ['pilotfish pilot info', 'pilotfish pilot info p-7k2m -o json'],
  })
    .argument('[id]', 'the pilot, where there are several')
    .action(async (id: string | undefined, options: CommonOptions) => {
      const output = outputOf(context, options);
      const chosen = await choosePilot(context, id, options);
      const { describeBlocks, pilotPaths, readConnection, refreshPilots } = await import('#pilot');
      const [pilot = chosen] = await refreshPilots([chosen], (why) => output.note(why));
      const paths = pilotPaths(pilot.directory);
      const connection = existsSync(paths.connection) ? readConnection(pilot) : undefined;
      const blocks = await describeBlocks(pilot.directory, (why) => output.note(why));
      const record = {
        pilot: pilot.pilot,
        state: pilot.state,
        resource: pilot.resource,
        nodes: pilot.nodes,
        nodesAlive: pilot.nodesAlive,
        directory: pilot.directory,
        gateway: connection ? { ...connection.gateway } : null,
        http: connection ? await httpUrlOf(connection) : null,
        brokers: connection?.brokers ?? [],
        events: connection ? eventsProtection(connection.brokers, pilot.resource) : null,
        // Files and not contents: what is printed ends up in logs.
        connectionFile: connection ? paths.connection : null,
        ca: paths.caCert,
        clientCertificate: paths.cert('owner'),
        clientKey: paths.key('owner'),
        natsSeeds: { source: paths.seed('source'), viewer: paths.seed('viewer') },
        blocks,
      };
      const lines = Object.entries(record).flatMap(([name, value]) => infoLines(name, value));
      await output.one(pilot.pilot, record, lines);
    });

/** Null where no gateway answers at once: everything else is known from files. */
async function httpUrlOf(connection: Connection): Promise<string | null> {
  const { connectPilot } = await import('#client');
  using pilot = connectPilot(connection);
  try {
    return await gatewayUrl(pilot, AbortSignal.timeout(gatewayMs));
  } catch {
    return null;
  }
}

/** Said in words: that something is not encrypted must not be read out of a URL. */
function eventsProtection(brokers: readonly string[], resource: string): string {
  if (brokers.every((broker) => broker.startsWith('tls://'))) return 'encrypted';
  if (/^local(?::|$)/.test(resource)) return 'not encrypted: they stay on this machine';
  return 'not encrypted: --plain-data was given';
}

function infoLines(name: string, value: unknown): [string, string][] {
  if (name === 'blocks')
    return (value as readonly BlockReport[]).map((block) => [`block ${block.block}`, blockText(block)]);
  if (Array.isArray(value)) return [[name, value.join(' ') || '-']];
  if (typeof value === 'object' && value !== null)
    return Object.entries(value).map(([key, inner]) => [`${name} ${key}`, String(inner)]);
  return [[name, value === null ? '-' : String(value)]];
}

function blockText({ job, state, reason, nodes, endsAt }: BlockReport): string {
  const leftMs = endsAt === null ? 0 : Date.parse(endsAt) - Date.now();
  const end = leftMs > 0 ? `, ends in ${formatDuration(leftMs)}` : '';
  return `job ${job ?? '-'} ${state.toLowerCase()}${reason === '' ? '' : ` (${reason})`}: ${nodes.join(' ')}${end}`;
}

interface LogsOptions extends CommonOptions {
  readonly tail?: number;
}

/** Of each file. */
const linesDefault = 20;

export const pilotLogsCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'logs',
    summary: "print the ends of the logs of a pilot's jobs and processes",
    examples: ['pilotfish pilot logs', 'pilotfish pilot logs p-7k2m --tail 100'],
  })
    .argument('[id]', 'the pilot, where there are several')
    .addOption(flag('--tail <lines>', 'lines of each file').default(linesDefault).argParser(positiveInteger))
    .action(async (id: string | undefined, options: LogsOptions) => {
      const output = outputOf(context, options);
      const { directory } = await choosePilot(context, id, options);
      const { pilotPaths } = await import('#pilot');
      const { blocks, nodes } = pilotPaths(directory);
      const files = [
        ...namesIn(blocks).map((block) => join(blocks, block, 'output.log')),
        ...namesIn(nodes).flatMap((node) =>
          namesIn(join(nodes, node, 'logs')).map((log) => join(nodes, node, 'logs', log)),
        ),
      ];
      for (const file of files.filter((path) => existsSync(path))) {
        const lines = readFileSync(file, 'utf8')
          .trimEnd()
          .split('\n')
          .slice(-(options.tail ?? linesDefault));
        if (lines.join('') === '') continue;
        const name = file.slice(directory.length + 1);
        output.note(`== ${name}`);
        for (const line of lines) output.entry({ file: name, line }, line);
      }
    });

function namesIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory).sort() : [];
}
