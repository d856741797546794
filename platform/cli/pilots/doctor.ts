/** `pilotfish doctor`: looks at everything that a pilot needs here, and says for each trouble what to do. */
import type { Command } from 'commander';
import { errorCodes } from '#common';
import { type CommandFactory, type CommonOptions, newCommand, outputOf } from '../command.ts';
import type { CliContext, ExitCode } from '../context.ts';
import type { ListView } from '../output/output.ts';
import { type Check, checks, type Finding } from './doctor-checks.ts';

interface Line extends Finding {
  readonly check: string;
}

export const doctorCommand: CommandFactory = (context, report): Command =>
  newCommand({
    name: 'doctor',
    summary: 'check that pilots can run here and that those up can be reached',
    examples: ['pilotfish doctor', 'pilotfish doctor -o json'],
    pilot: false,
  }).action(async (options: CommonOptions) => report(await examine(context, options)));

async function examine(context: CliContext, options: CommonOptions): Promise<ExitCode> {
  const output = outputOf(context, options);
  const lines: Line[] = [];
  for (const check of checks) lines.push(...(await runCheck(context, check)));
  await output.list(lines, view);
  const failed = lines.filter(({ state }) => state === 'fail').length;
  output.note(failed === 0 ? 'all that a pilot needs is there' : `${failed} of ${lines.length} checks failed`);
  return failed === 0 ? 0 : errorCodes.internal.exit;
}

/** A check that throws has failed; the others still run. */
async function runCheck(context: CliContext, { name, run }: Check): Promise<Line[]> {
  try {
    return [await run(context)].flat().map((finding) => ({ check: name, ...finding }));
  } catch (error) {
    return [
      {
        check: name,
        state: 'fail',
        found: error instanceof Error ? error.message : String(error),
        advice: adviceOf(error),
      },
    ];
  }
}

function adviceOf(error: unknown): string {
  return error instanceof Error && 'hint' in error && typeof error.hint === 'string' ? error.hint : '';
}

const colours = { ok: 'green', warn: 'yellow', fail: 'red' } as const;

const view: ListView<Line> = {
  columns: [
    { title: 'CHECK', text: ({ check }) => check },
    { title: 'STATE', text: ({ state }) => state, style: ({ state }) => colours[state] },
    { title: 'FOUND', text: ({ found, advice }) => (advice ? `${found}; ${advice}` : found) },
  ],
  name: ({ check }) => check,
  plain: (line) => line,
  empty: 'no checks',
};
