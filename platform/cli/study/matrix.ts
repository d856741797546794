/** A study as its YAML file says it: every case of every experiment, in order, each with an id that stays the same. Pure. */
import { LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { PlatformError, parseSizeBytes } from '#common';

const whole = (most: number) => z.int().min(1).max(most);
const several = (most: number) => z.array(whole(most)).min(1).max(32);
const settingsSchema = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));
const nameSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._ -]{0,63}$/, 'is no name: letters, digits, ". _ -", at most 64');
/** Cases of one study; each takes some seconds. */
const casesMax = 10_000;

const pilotSchema = z.strictObject({
  resource: z.string().default('local://'),
  nodes: whole(64).default(1),
  coresPerNode: whole(1_024).default(4),
  brokers: z.union([z.literal(1), z.literal(3)]).default(1),
  storeSize: z
    .string()
    .refine((text) => isSize(text), 'is no size: write it like 2GiB')
    .default('2GiB'),
});

const repeatsMax = 100;

const experimentSchema = z.strictObject({
  name: nameSchema,
  /** Folder of the function; left out, only the source is measured. */
  processor: z.string().optional(),
  config: z.record(z.string(), z.unknown()).default({}),
  source: z.string(),
  settings: settingsSchema.default({}),
  /** Message sizes by name, each as settings of the source. */
  sizes: z.record(nameSchema, settingsSchema).default({ default: {} }),
  rate: z.string().default('max'),
  producers: several(64).default([1]),
  producersOn: z.enum(['here', 'nodes']).default('here'),
  instances: several(1_024).default([1]),
  messages: whole(1_000_000).default(200),
  /** Handled before measuring begins: code is compiled, pipelines fill. */
  warmUp: z.int().min(0).max(1_000_000).default(20),
  repeats: whole(repeatsMax).default(3),
});

const comparisonSchema = z.strictObject({
  what: z.string(),
  published: z.number(),
  unit: z.literal('MB/s'),
  experiment: nameSchema,
  /** What the source stored, or what the function handled, a second. */
  metric: z.enum(['source', 'handled']),
  differs: z.string(),
});

const studySchema = z.strictObject({
  name: nameSchema,
  about: z.string().default(''),
  pilots: z
    .array(pilotSchema)
    .min(1)
    .max(32)
    .default([pilotSchema.parse({})]),
  experiments: z.array(experimentSchema).min(1).max(64),
  compare: z.array(comparisonSchema).max(64).default([]),
});

export type Study = z.output<typeof studySchema>;
export type PilotShape = z.output<typeof pilotSchema>;
export type Experiment = z.output<typeof experimentSchema>;
export type Comparison = z.output<typeof comparisonSchema>;

export interface StudyCase {
  /** What is varied, readable: also what a resumed study knows it by. */
  readonly id: string;
  readonly pilot: PilotShape;
  readonly experiment: Experiment;
  readonly size: string;
  readonly producers: number;
  readonly instances: number;
  readonly repeat: number;
}

/** Throws `invalid` with the line of what is wrong. */
export function parseStudy(text: string, path: string): Study {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: true, uniqueKeys: true });
  const [problem] = document.errors;
  if (problem) throw new PlatformError('invalid', `${path}: ${problem.message.split('\n')[0]}`);
  let value: unknown;
  try {
    // A bound on aliases: ten lines of YAML can otherwise expand to gigabytes.
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw new PlatformError('invalid', `${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
  const parsed = studySchema.safeParse(value);
  if (parsed.success) return checked(parsed.data, path);
  const [issue] = parsed.error.issues;
  const at = issue?.path.map(String) ?? [];
  const node = document.getIn(at, true) as { range?: readonly number[] } | undefined;
  const line = node?.range ? `:${lines.linePos(node.range[0] ?? 0).line}` : '';
  throw new PlatformError(
    'invalid',
    `${path}${line}: ${at.join('.') || 'the file'}: ${issue?.message ?? 'is no study'}`,
  );
}

function checked(study: Study, path: string): Study {
  const names = study.experiments.map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice !== undefined) throw new PlatformError('invalid', `${path}: two experiments are named "${twice}"`);
  const unknown = study.compare.find(({ experiment }) => !names.includes(experiment));
  if (unknown)
    throw new PlatformError('invalid', `${path}: compare names "${unknown.experiment}", which is no experiment`);
  const count = expandStudy(study).length;
  if (count > casesMax) throw new PlatformError('invalid', `${path}: ${count} cases; ${casesMax} are the most`);
  return study;
}

/** Some of a study's experiments, or other numbers of repeats. Throws `usage` for what it does not have. */
export function narrowStudy(
  study: Study,
  { only, repeats }: { readonly only?: readonly string[]; readonly repeats?: number },
): Study {
  const names = study.experiments.map(({ name }) => name);
  const unknown = only?.find((name) => !names.includes(name));
  if (unknown !== undefined)
    throw new PlatformError('usage', `the study has no experiment "${unknown}"`, {
      hint: `It has ${names.join(', ')}.`,
    });
  if (repeats !== undefined && repeats > repeatsMax)
    throw new PlatformError('usage', `--repeats is ${repeats}; ${repeatsMax} are the most`);
  const experiments = study.experiments
    .filter(({ name }) => only?.includes(name) ?? true)
    .map((experiment) => (repeats === undefined ? experiment : { ...experiment, repeats }));
  return { ...study, experiments };
}

/** Pilots outermost, because they are dearest to change. */
export function expandStudy({ pilots, experiments }: Study): StudyCase[] {
  return pilots.flatMap((pilot) => experiments.flatMap((experiment) => casesOf(pilot, experiment)));
}

function casesOf(pilot: PilotShape, experiment: Experiment): StudyCase[] {
  // Nothing is deployed where only a source is measured.
  const counts = experiment.processor === undefined ? [1] : experiment.instances;
  const repeats = Array.from({ length: experiment.repeats }, (_, at) => at + 1);
  const begin = `${shapeName(pilot)}/${experiment.name}`;
  return Object.keys(experiment.sizes).flatMap((size) =>
    experiment.producers.flatMap((producers) =>
      counts.flatMap((instances) =>
        repeats.map((repeat) => {
          const id = `${begin}/${size}/producers=${producers}/instances=${instances}/${repeat}`;
          return { id, pilot, experiment, size, producers, instances, repeat };
        }),
      ),
    ),
  );
}

export function shapeName({ resource, nodes, coresPerNode, brokers }: PilotShape): string {
  return `${resource}nodes=${nodes},cores=${coresPerNode},brokers=${brokers}`;
}

function isSize(text: string): boolean {
  try {
    return parseSizeBytes(text) > 0;
  } catch {
    return false;
  }
}
