/** `pilotfish completion`: words as one types, with the names of the pilot's own functions, nodes and triggers. */
import type { Command } from 'commander';
import type { PilotClient } from '#client';
import { type CommandFactory, newCommand } from '../command.ts';
import { withPilot } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { completionScript, type Shell, shells } from './completion-script.ts';
import { type LiveKind, type LivePlace, suggestWords } from './suggest-words.ts';

/** Who waits for a completion types on. */
const liveMs = 1_500;
const callsMax = 50;

export const completionCommands: readonly CommandFactory[] = [
  ...shells.map((shell) => (context: CliContext) => scriptCommand(context, shell)),
  (context) =>
    newCommand({
      name: 'suggest',
      summary: 'what may follow these words; the scripts ask for it',
      examples: ['pilotfish completion suggest -- logs ""'],
      pilot: false,
    })
      .argument('[words...]', 'after `pilotfish`; the last one is unfinished')
      .action(async (words: string[], _flags: object, own: Command) => {
        const found = await suggestWords(rootOf(own), words, (kind, place) => liveNames(context, kind, place));
        for (const { word, about } of found) context.stdout.write(about ? `${word}\t${about}\n` : `${word}\n`);
      }),
];

function rootOf(command: Command): Command {
  return command.parent ? rootOf(command.parent) : command;
}

function scriptCommand(context: CliContext, shell: Shell): Command {
  const use = {
    bash: 'source <(pilotfish completion bash)',
    zsh: 'source <(pilotfish completion zsh)',
    fish: 'pilotfish completion fish | source',
  };
  return newCommand({
    name: shell,
    summary: `print the completion of ${shell}`,
    examples: [`pilotfish completion ${shell}`, use[shell]],
    pilot: false,
  }).action(() => {
    context.stdout.write(completionScript(shell));
  });
}

async function liveNames(context: CliContext, kind: LiveKind, place: LivePlace): Promise<readonly string[]> {
  const late = new Promise<readonly string[]>((resolve) => setTimeout(() => resolve([]), liveMs).unref());
  // No pilot, or one that does not answer: nothing to suggest, and nothing to say in the middle of a line.
  const quiet = { ...context, stderr: { ...context.stderr, write: () => true } } as unknown as CliContext;
  return await Promise.race([namesOf(quiet, kind, place).catch(() => []), late]);
}

async function namesOf(context: CliContext, kind: LiveKind, place: LivePlace): Promise<readonly string[]> {
  if (kind === 'source') return Object.keys((await import('#sources')).builtInSources);
  if (kind === 'pilot') {
    const { listPilots, resolveHome } = await import('#pilot');
    return listPilots(resolveHome(context.env)).map(({ pilot: id }) => id);
  }
  return await withPilot(context, place.pilot ?? context.env['PILOTFISH_PILOT'], (client) =>
    namesAt(client, kind, place),
  );
}

async function namesAt(
  client: PilotClient,
  kind: Exclude<LiveKind, 'pilot' | 'source'>,
  { function: name = '' }: LivePlace,
): Promise<readonly string[]> {
  switch (kind) {
    case 'function':
      return (await client.list()).map(({ name }) => name);
    case 'node':
      return (await client.nodes()).map(({ id }) => id);
    case 'trigger':
      return (await client.triggers(name)).map(({ trigger }) => trigger?.name ?? '');
    case 'call':
      return await Array.fromAsync(client.calls('', callsMax), ({ callId }) => callId);
    case 'secret':
      return (await client.secrets()).map((secret) => secret.name);
    case 'token':
      return (await client.access.tokens()).map(({ id }) => id);
  }
}
