/** `pilotfish versions FN`, `rollback`, `promote` and `alias`: which version a function's work goes to. */
import type { Command } from 'commander';
import { formatBytes, PlatformError } from '#common';
import type { FunctionSummary, FunctionVersion } from '#proto';
import { type CommandFactory, type CommonOptions, newCommand, outputOf } from '../command.ts';
import { askPilot, suggestFunction } from '../connection.ts';
import { versionRecord } from '../output/function-record.ts';
import { ageText, type ListView } from '../output/output.ts';

export const versionsCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'versions',
    summary: 'list the versions of a function, and what names them',
    examples: ['pilotfish versions echo', 'pilotfish versions echo -o json'],
  })
    .argument('<function>', 'its name')
    .action(async (name: string, options: CommonOptions) => {
      const { summary, versions } = await askPilot(context, options.pilot, (pilot) =>
        suggestFunction(pilot, name, () => pilot.get(name)),
      );
      await outputOf(context, options).list(versions.toReversed(), versionsView(summary, Date.now()));
    });

export const rollbackCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'rollback',
    summary: 'withdraw the canary, or go back to the version before',
    examples: ['pilotfish rollback echo', 'pilotfish rollback echo 3', 'pilotfish rollback echo stable'],
  })
    .argument('<function>', 'its name')
    .argument(
      '[version]',
      'a number or an alias (default: the canary goes; without one, the version before comes back)',
    )
    .action(async (name: string, version: string | undefined, options: CommonOptions) => {
      const done = await askPilot(context, options.pilot, (pilot) =>
        suggestFunction(pilot, name, () => pilot.rollback(name, version)),
      );
      const number = done.version?.number ?? 0;
      const change = done.canaryWithdrawn ? 'canary withdrawn' : 'rolled back';
      const text = `${change}; version ${number} has all of the work`;
      await outputOf(context, options).one(name, { name, change, version: number }, [[name, text]]);
    });

export const promoteCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'promote',
    summary: 'make the canary the latest version',
    examples: ['pilotfish promote echo'],
  })
    .argument('<function>', 'its name')
    .action(async (name: string, options: CommonOptions) => {
      const version = await askPilot(context, options.pilot, (pilot) =>
        suggestFunction(pilot, name, () => pilot.promote(name)),
      );
      const number = version?.number ?? 0;
      const text = `version ${number} is the latest`;
      await outputOf(context, options).one(name, { name, change: 'promoted', version: number }, [[name, text]]);
    });

export const aliasSetCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'set',
    summary: 'point a name at a version; `latest` is what calls and events go to',
    examples: ['pilotfish alias set echo stable 3', 'pilotfish alias set echo latest 2'],
  })
    .argument('<function>', 'its name')
    .argument('<alias>', 'the name: lower-case letters, digits and hyphens')
    .argument('<version>', 'its number')
    .action(async (name: string, alias: string, version: string, options: CommonOptions) => {
      const number = Number(version);
      if (!Number.isSafeInteger(number) || number < 1) {
        throw new PlatformError('usage', `"${version}" is not the number of a version`, {
          hint: `\`pilotfish versions ${name}\` lists them.`,
        });
      }
      await askPilot(context, options.pilot, (pilot) =>
        suggestFunction(pilot, name, () => pilot.setAlias(name, alias, number)),
      );
      await outputOf(context, options).one(alias, { name, alias, version: number }, [
        [alias, `${name} version ${number}`],
      ]);
    });

const versionsView = (summary: FunctionSummary | undefined, nowMs: number): ListView<FunctionVersion> => ({
  columns: [
    { title: 'VERSION', text: ({ number }) => String(number) },
    { title: 'NAMES', text: (version) => namesOf(version, summary).join(',') || '-' },
    { title: 'AGE', text: ({ createdAtMs }) => ageText(createdAtMs, nowMs) },
    { title: 'SIZE', text: ({ artifactBytes }) => formatBytes(artifactBytes) },
    { title: 'DIGEST', text: ({ digest }) => digest.slice(0, 12) },
  ],
  name: ({ number }) => String(number),
  plain: (version) => ({ ...versionRecord(version), names: namesOf(version, summary) }),
  empty: 'it has no versions',
});

/** What names the version: aliases, and that it is the canary. */
export function namesOf({ number }: FunctionVersion, summary: FunctionSummary | undefined): string[] {
  const aliases = Object.entries(summary?.aliases ?? {}).flatMap(([alias, target]) =>
    target === number ? [alias] : [],
  );
  const canary = summary?.canary;
  return canary?.number === number && canary.ended === '' ? [...aliases, `canary ${canary.percent} %`] : aliases;
}
