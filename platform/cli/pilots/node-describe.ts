/** `pilotfish node describe NODE`: a page about one node: its room, its job, what it enforces, what runs there. */
import type { Command } from 'commander';
import type { PilotClient } from '#client';
import { nearestName, PlatformError } from '#common';
import { type CommandFactory, type CommonOptions, newCommand, outputOf } from '../command.ts';
import { askPilot } from '../connection.ts';
import { type NodeFacts, nodePage, nodePageRecord } from './node-page.ts';

export const nodeDescribeCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'describe',
    summary: 'tell all about a node: room, labels, job, what it enforces, instances',
    examples: ['pilotfish node describe n1', 'pilotfish node describe n1 -o json'],
  })
    .argument('<node>', 'its name, as in `pilotfish node list`')
    .action(async (id: string, options: CommonOptions) => {
      const facts = await askPilot(context, options.pilot, (pilot) => readFacts(pilot, id, context.signal));
      await outputOf(context, options).page(id, nodePageRecord(facts), nodePage(facts));
    });

/** Throws `not-found`. */
async function readFacts(pilot: PilotClient, id: string, signal: AbortSignal): Promise<NodeFacts> {
  for await (const { nodes, jobs } of pilot.watch(signal)) {
    const node = nodes.find((each) => each.id === id);
    if (node) return { node, jobs, nowMs: Date.now() };
    const known = nodes.map((each) => each.id);
    const near = nearestName(id, known);
    throw new PlatformError('not-found', `there is no node "${id}"`, {
      hint: near && known.length > 3 ? `Did you mean "${near}"?` : `The pilot's nodes: ${known.join(', ')}`,
    });
  }
  throw new PlatformError('unavailable', 'the gateway did not say which nodes there are');
}
