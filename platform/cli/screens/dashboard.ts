/**
 * `pilotfish dashboard`: the gateway's pages for a browser, which has no certificate of the pilot. A door on loopback passes
 * requests on with this command's certificate, so that the page may do what its reader's token may, and no more.
 */
import { execFile } from 'node:child_process';
import { hostname, userInfo } from 'node:os';
import { type Command, InvalidArgumentError } from 'commander';
import type { PilotClient } from '#client';
import type { Connection } from '#model';
import { type CommandFactory, type CommonOptions, flag, newCommand, outputOf } from '../command.ts';
import { withPilot } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { gatewayUrl } from '../gateway-url.ts';
import type { Output } from '../output/output.ts';
import { openDashboardDoor } from './dashboard-door.ts';

interface DashboardFlags extends CommonOptions {
  readonly port: number;
  readonly open: boolean;
}

const portDefault = 8_787;

export const dashboardCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'dashboard',
    summary: "the pilot's pages in a browser, until Ctrl-C",
    examples: [
      'pilotfish dashboard',
      'pilotfish dashboard --no-open --port 9000',
      'pilotfish dashboard -o json --port 0',
    ],
  })
    .addOption(flag('--port <port>', 'on 127.0.0.1; 0: any that is free').default(portDefault).argParser(portNumber))
    .addOption(flag('--no-open', 'print the address, open no browser'))
    .action(async (flags: DashboardFlags) => {
      await withPilot(context, flags.pilot, (pilot, connection) => serve(context, flags, pilot, connection));
      context.signal.throwIfAborted();
    });

async function serve(
  context: CliContext,
  flags: DashboardFlags,
  pilot: PilotClient,
  connection: Connection,
): Promise<void> {
  const output = outputOf(context, flags);
  await using door = await openDashboardDoor({
    port: flags.port,
    tls: connection.tls,
    serverName: connection.gateway.serverName,
    gateway: () => gatewayUrl(pilot),
  });
  await tell(context, output, door);
  if (flags.open && hasBrowser(context) && output.isTerminal) openBrowser(door.url, output);
  const { promise, resolve } = Promise.withResolvers<void>();
  context.signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
}

async function tell(
  { env }: CliContext,
  output: Output,
  { url, port }: { readonly url: string; readonly port: number },
): Promise<void> {
  const tunnel = `ssh -N -L ${port}:127.0.0.1:${port} ${userInfo().username}@${hostname()}`;
  output.entry({ url, tunnel }, url);
  if (env['SSH_CONNECTION']) output.note(`from your own machine: ${tunnel}\nthen open the address above there`);
  else output.note(`from another machine: ${tunnel}`);
  output.note('The address holds a key: whoever has it acts in your name. Ctrl-C ends.');
}

function hasBrowser({ env }: CliContext): boolean {
  return Boolean(env['DISPLAY'] || env['WAYLAND_DISPLAY']) && !env['SSH_CONNECTION'];
}

function openBrowser(url: string, output: Output): void {
  execFile('xdg-open', [url], (error) => {
    if (error) output.note('no browser could be opened; open the address yourself');
  });
}

function portNumber(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port < 65_536) return port;
  throw new InvalidArgumentError('It must be a number from 0 to 65535.');
}
