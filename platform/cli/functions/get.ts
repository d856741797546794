/** `pilotfish get FN`: one function with its versions and instances. */
import type { Command } from 'commander';
import { formatDuration } from '#common';
import type { Canary, FunctionSpec, GetFunctionResponse, Instance } from '#proto';
import { type CommandFactory, type CommonOptions, newCommand, outputOf } from '../command.ts';
import { askPilot, suggestFunction } from '../connection.ts';
import { functionRecord, instanceRecord, versionRecord } from '../output/function-record.ts';
import { countText } from '../output/output.ts';
import { triggerText } from '../output/trigger-text.ts';

export const getCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'get',
    summary: 'show a function, its versions and instances',
    examples: ['pilotfish get echo', 'pilotfish get echo -o yaml'],
  })
    .argument('<function>', 'its name')
    .action(async (name: string, options: CommonOptions) => {
      const found = await askPilot(context, options.pilot, (pilot) =>
        suggestFunction(pilot, name, () => pilot.get(name)),
      );
      await outputOf(context, options).one(name, plain(found), rows(name, found));
    });

function plain({ summary, versions, instances }: GetFunctionResponse): object {
  return {
    ...(summary ? functionRecord(summary) : {}),
    versions: versions.map(versionRecord),
    instances: instances.map(instanceRecord),
  };
}

function rows(name: string, { summary, versions, instances }: GetFunctionResponse): [string, string][] {
  const lag = summary?.lag ?? -1;
  return [
    ['function', name],
    ['version', `${summary?.latest?.number ?? '-'} (${summary?.latest?.digest.slice(0, 12) ?? '-'})`],
    ...Object.entries(summary?.aliases ?? {}).map(([alias, number]): [string, string] => [
      'alias',
      `${alias} -> ${number}`,
    ]),
    ...(summary?.canary ? [['canary', canaryText(summary.canary)] as [string, string]] : []),
    ...(summary?.latest?.spec ? specRows(summary.latest.spec) : []),
    ['ready', `${summary?.instancesReady ?? 0} of ${summary?.instancesWanted ?? 0} instances`],
    ['lag', lag < 0 ? 'unknown' : countText(lag)],
    ['handled', `${countText(summary?.handled ?? 0)}, failed ${countText(summary?.failed ?? 0)}`],
    ...(summary?.scaleReason ? [['scale', summary.scaleReason] as [string, string]] : []),
    ['versions', versions.map(({ number }) => number).join(' ') || '-'],
    ...instances.map((instance): [string, string] => ['instance', instanceText(instance)]),
  ];
}

function canaryText({ number, percent, errorPercentMax, p99MsMax, ended }: Canary): string {
  if (ended !== '') return `version ${number} was one: ${ended}`;
  const bounds = `at most ${errorPercentMax} % failed${p99MsMax > 0 ? `, p99 at most ${formatDuration(p99MsMax)}` : ''}`;
  return `version ${number} has ${percent} %; ${bounds}`;
}

function specRows(spec: FunctionSpec): [string, string][] {
  const on = spec.triggers.map((trigger): [string, string] => ['on', `${triggerText(trigger)} (${trigger.name})`]);
  return [...on, ['output', spec.output || '-'], ['timeout', formatDuration(spec.timeoutMs)]];
}

function instanceText({ id, node, state, busy, handled, pid }: Instance): string {
  return `${id} on ${node}, ${state}, ${busy} busy, ${countText(handled)} handled, pid ${pid}`;
}
