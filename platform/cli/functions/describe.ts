/** `pilotfish describe FN`: a page about one function: what it is given, what holds it, how it does, what went wrong lately. */
import type { Command } from 'commander';
import type { PilotClient } from '#client';
import { PlatformError } from '#common';
import type { LogsResponse } from '#proto';
import { type CommandFactory, type CommonOptions, newCommand, outputOf } from '../command.ts';
import { askPilot, suggestFunction } from '../connection.ts';
import { describePage, describeRecord, type FunctionFacts } from './describe-page.ts';

/** Older errors are in the log. */
const errorsSinceMs = 3_600_000;
const errorsShownMax = 5;

export const describeCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'describe',
    summary: 'tell all about a function: triggers, limits, permissions, instances, recent errors',
    examples: ['pilotfish describe echo', 'pilotfish describe echo -o json'],
  })
    .argument('<function>', 'its name')
    .action(async (name: string, options: CommonOptions) => {
      const facts = await askPilot(context, options.pilot, (pilot) =>
        suggestFunction(pilot, name, () => readFacts(pilot, name, context.signal)).catch((error: unknown) =>
          throwForNode(pilot, name, PlatformError.from(error)),
        ),
      );
      const { title, sections } = describePage(facts);
      await outputOf(context, options).page(name, describeRecord(facts), { title, sections });
    });

/** Throws the error, and says so where the name is that of a node. */
async function throwForNode(pilot: PilotClient, name: string, error: PlatformError): Promise<never> {
  const nodes = error.code === 'not-found' ? await pilot.nodes() : [];
  if (!nodes.some(({ id }) => id === name)) throw error;
  const hint = `${name} is a node: pilotfish node describe ${name}`;
  throw new PlatformError('not-found', error.message, { hint, cause: error });
}

async function readFacts(pilot: PilotClient, name: string, signal: AbortSignal): Promise<FunctionFacts> {
  const nowMs = Date.now();
  const [found, triggers, nodes, errors] = await Promise.all([
    pilot.get(name),
    pilot.triggers(name),
    pilot.nodes(),
    lastErrors(pilot.logs(name, { level: 'error', sinceMs: nowMs - errorsSinceMs, signal })),
  ]);
  return { name, found, triggers, nodes, errors, nowMs };
}

async function lastErrors(lines: AsyncIterable<LogsResponse>): Promise<LogsResponse[]> {
  const last: LogsResponse[] = [];
  for await (const line of lines) {
    last.push(line);
    if (last.length > errorsShownMax) last.shift();
  }
  return last;
}
