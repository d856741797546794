/** `pilotfish node list`: the pilot's nodes and how full they are. */
import type { Command } from 'commander';
import { formatBytes } from '#common';
import type { Node } from '#proto';
import { type CommandFactory, type CommonOptions, newCommand, outputOf } from '../command.ts';
import { askPilot } from '../connection.ts';
import { nodeRecord } from '../output/function-record.ts';
import type { ListView } from '../output/output.ts';

export const nodeListCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'list',
    summary: "list the pilot's nodes and their slots",
    examples: ['pilotfish node list', 'pilotfish node list -o wide'],
  })
    .alias('ls')
    .action(async (options: CommonOptions) => {
      const nodes = await askPilot(context, options.pilot, (pilot) => pilot.nodes());
      await outputOf(context, options).list(nodes, nodesView);
    });

const nodesView: ListView<Node> = {
  columns: [
    { title: 'NODE', text: ({ id }) => id },
    { title: 'STATE', text: ({ state }) => state },
    { title: 'ADDRESS', text: ({ address }) => address },
    { title: 'SLOTS', text: ({ slots, slotsUsed }) => `${slotsUsed}/${slots}` },
    { title: 'INSTANCES', text: ({ instances }) => String(instances.length) },
    { title: 'MEMORY', text: ({ memoryBytes }) => formatBytes(memoryBytes) },
    { title: 'GPUS', text: ({ gpus }) => String(gpus), wide: true },
    { title: 'LABELS', text: ({ labels }) => labelsText(labels), wide: true },
    {
      title: 'BUSY',
      text: ({ cpuUsed, memoryUsed }) => `${percent(cpuUsed)} cores, ${percent(memoryUsed)} memory`,
      wide: true,
    },
    { title: 'ISOLATION', text: ({ isolation }) => isolation?.tier ?? 'unknown' },
    {
      title: 'NOT ENFORCED',
      text: ({ isolation }) => isolation?.notEnforced.join(', ') || '-',
      wide: true,
    },
    { title: 'VERSION', text: ({ version }) => version, wide: true },
    { title: 'FUNCTIONS', text: ({ instances }) => functionsText(instances.map((each) => each.function)), wide: true },
  ],
  name: ({ id }) => id,
  plain: nodeRecord,
  empty: 'no nodes yet',
};

function percent(share: number): string {
  return `${Math.round(100 * share)} %`;
}

/** "rack=a, disk=fast" */
function labelsText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  return pairs.join(', ') || '-';
}

/** "echo x2, gridrec" */
function functionsText(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => (count > 1 ? `${name} x${count}` : name)).join(', ') || '-';
}
