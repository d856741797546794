/** What a study has found so far: one line of JSON a case, appended when it ends, so that a study can be stopped and gone on with. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, truncateSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { dirname } from 'node:path';
import { z } from 'zod';
import { PlatformError, platformVersion } from '#common';

const spreadSchema = z.object({ p50: z.number(), p95: z.number(), p99: z.number(), max: z.number() });

const recordSchema = z.object({
  id: z.string(),
  /** Changes with everything that the study's file says of the case: another definition is another case. */
  definition: z.string(),
  study: z.string(),
  experiment: z.string(),
  pilot: z.string(),
  size: z.string(),
  producers: z.number(),
  instances: z.number(),
  repeat: z.number(),
  startedAt: z.string(),
  /** "ok", or why there are no figures. */
  outcome: z.string(),
  messages: z.number(),
  messageBytes: z.number(),
  lost: z.number(),
  deadLetters: z.number(),
  source: z.object({ perSecond: z.number(), megabytesPerSecond: z.number(), seconds: z.number() }).nullable(),
  startUpMs: z.number().nullable(),
  measured: z
    .object({
      handled: z.number(),
      counted: z.number(),
      perSecond: z.number(),
      megabytesPerSecond: z.number(),
      latencyMs: spreadSchema,
      queueMs: spreadSchema.optional(),
      serviceMs: spreadSchema.optional(),
      lag: z.array(z.tuple([z.number(), z.number()])),
    })
    .nullable(),
  environment: z.record(z.string(), z.union([z.string(), z.number()])),
});
export type CaseRecord = z.output<typeof recordSchema>;

/** The last line of each case; one that a crash cut short is dropped from the file. Throws `invalid` for a file of something else. */
export function readRecords(path: string): CaseRecord[] {
  if (!existsSync(path)) return [];
  const text = readFileSync(path, 'utf8');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole.length < text.length) truncateSync(path, Buffer.byteLength(whole));
  const records = whole
    .split('\n')
    .filter((line) => line !== '')
    .map((line, at) => {
      const parsed = recordSchema.safeParse(parseJson(line));
      if (parsed.success) return parsed.data;
      const [issue] = parsed.error.issues;
      throw new PlatformError(
        'invalid',
        `${path}:${at + 1} is no record of a study: ${issue?.path.join('.')} ${issue?.message}`,
        {
          hint: 'Give another folder with --out, or remove the file.',
        },
      );
    });
  return [...new Map(records.map((record) => [record.id, record])).values()];
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

export function appendRecord(path: string, record: CaseRecord): void {
  mkdirSync(dirname(path), { recursive: true });
  appendFileSync(path, `${JSON.stringify(record)}\n`);
}

/** What figures depend on besides the study itself. */
export function environmentNow(): CaseRecord['environment'] {
  const processors = cpus();
  return {
    pilotfish: platformVersion,
    node: process.version,
    processor: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
  };
}
