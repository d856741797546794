/** `pilotfish bench run|report`: a study from a file, case by case on a pilot, and what came out as a page and a table. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { messageOf, PlatformError } from '#common';
import {
  type CommandFactory,
  type CommonOptions,
  flag,
  newCommand,
  outputOf,
  positiveInteger,
  type Report,
} from '../command.ts';
import { refuseVia } from '../connection.ts';
import { type CliContext, partialExitCode } from '../context.ts';
import type { Study } from './matrix.ts';

interface BenchFlags extends CommonOptions {
  readonly out: string;
}

interface RunFlags extends BenchFlags {
  readonly only?: readonly string[];
  readonly repeats?: number;
}

const studyBytesMax = 1_000_000;
const outDefault = 'out/study';

export const benchRunCommand: CommandFactory = (context, report): Command =>
  newCommand({
    name: 'run',
    summary: 'measure the cases of a study, those that have no figures yet',
    examples: [
      'pilotfish bench run functions/studies/quick.yaml',
      'pilotfish bench run functions/studies/paper.yaml --out out/paper',
      "pilotfish bench run functions/studies/paper.yaml --only GridRec 'k-means static' --repeats 5",
      'pilotfish bench run study.yaml --pilot p-7e9j',
    ],
  })
    .argument('<study>', 'a YAML file; functions/studies has some')
    .addOption(flag('--out <folder>', 'where results.jsonl, report.html and results.csv go').default(outDefault))
    .addOption(flag('--only <experiment...>', 'these of its experiments'))
    .addOption(flag('--repeats <count>', 'so many of each case, whatever the study says').argParser(positiveInteger))
    .action((file: string, flags: RunFlags) => run(context, report, file, flags));

export const benchReportCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'report',
    summary: 'write report and table once more from the figures in a folder',
    examples: ['pilotfish bench report functions/studies/quick.yaml --out out/study'],
    pilot: false,
  })
    .argument('<study>', 'the YAML file that the figures are of')
    .addOption(flag('--out <folder>', 'the folder with results.jsonl').default(outDefault))
    .action(async (file: string, flags: BenchFlags) => {
      const files = await writeReport(await readStudy(file), flags.out);
      await outputOf(context, flags).one(files.report, files, Object.entries(files));
    });

async function run(context: CliContext, report: Report, file: string, flags: RunFlags): Promise<void> {
  // What a tunnel lets through is no measure of a pilot.
  refuseVia(context, 'bench run');
  const [{ runStudy }, { narrowStudy }] = await Promise.all([import('./run-study.ts'), import('./matrix.ts')]);
  const study = await readStudy(file);
  const output = outputOf(context, flags);
  const part = narrowStudy(study, flags);
  const options = { study: part, folder: dirname(resolve(file)), out: flags.out, pilot: flags.pilot };
  let progress: Awaited<ReturnType<typeof runStudy>>;
  try {
    progress = await runStudy(context, options, output);
  } finally {
    // Also of a study that was stopped: what it has found so far.
    await writeReport(study, flags.out);
  }
  const files = await writeReport(study, flags.out);
  await output.one(files.report, { ...progress, ...files }, [
    [
      'cases',
      `${progress.ran} measured, ${progress.kept} had figures, ${progress.failed} failed, ${progress.left} left`,
    ],
    ...Object.entries(files),
  ]);
  if (progress.failed + progress.left > 0) report(partialExitCode);
}

async function readStudy(file: string): Promise<Study> {
  const { parseStudy } = await import('./matrix.ts');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new PlatformError('not-found', `the study "${file}" cannot be read: ${messageOf(error)}`, {
      hint: 'functions/studies has some to begin with.',
    });
  }
  if (text.length > studyBytesMax)
    throw new PlatformError('invalid', `"${file}" has ${text.length} characters; that is no study`);
  return parseStudy(text, file);
}

async function writeReport(study: Study, out: string): Promise<{ report: string; table: string; figures: string }> {
  const [{ readRecords }, { renderReport }, { toCsv }, { recordsFile }] = await Promise.all([
    import('./records.ts'),
    import('./report.ts'),
    import('./csv.ts'),
    import('./run-study.ts'),
  ]);
  const figures = join(out, recordsFile);
  const records = readRecords(figures);
  mkdirSync(out, { recursive: true });
  const files = { report: join(out, 'report.html'), table: join(out, 'results.csv'), figures };
  writeFileSync(files.report, renderReport({ ...study, records }));
  writeFileSync(files.table, toCsv(records));
  return files;
}
