/** `pilotfish node explain`: why the pilot has as many nodes as it has. */
import type { Command } from 'commander';
import type { GetNodeScaleResponse } from '#proto';
import { type CommandFactory, type CommonOptions, flag, newCommand, outputOf, positiveInteger } from '../command.ts';
import { askPilot } from '../connection.ts';
import { decisionRecord, decisionText } from '../functions/scale-view.ts';

interface ExplainFlags extends CommonOptions {
  readonly last: number;
}

export const nodeExplainCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'explain',
    summary: 'say why the pilot has as many nodes as it has, with the budget and the last decisions',
    examples: ['pilotfish node explain', 'pilotfish node explain -o json'],
  })
    .addOption(flag('--last <decisions>', 'so many of the last 100 decisions').default(10).argParser(positiveInteger))
    .action(async (flags: ExplainFlags) => {
      const scale = await askPilot(context, flags.pilot, (pilot) => pilot.nodeScale());
      const decisions = scale.decisions.slice(-flags.last);
      await outputOf(context, flags).one('nodes', { ...scale, decisions: decisions.map(decisionRecord) }, [
        ...rows(scale),
        ...decisions.map((decision): [string, string] => ['decided', decisionText(decision)]),
      ]);
    });

function rows({
  nodes,
  waiting,
  nodesMin,
  nodesMax,
  nodeHours,
  nodeHoursMax,
  reason,
}: GetNodeScaleResponse): [string, string][] {
  return [
    ['nodes', waiting === 0 ? String(nodes) : `${nodes}, ${waiting} of them yet to join`],
    ['bounds', nodesMax === 0 ? 'as they are' : `${nodesMin} to ${nodesMax}`],
    ['node-hours', `${nodeHours.toFixed(2)} spent${nodeHoursMax === 0 ? '' : ` of ${nodeHoursMax}`}`],
    ['why', reason],
  ];
}
