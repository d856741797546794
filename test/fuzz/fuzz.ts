/**
 * One way to fuzz: a target says what it is given and what must hold, this runs it. Bounded by runs, never by the clock,
 * so that a run can be repeated. Seeds that failed once stand in seeds.json and are replayed first, for ever.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { fc } from '../harness/properties.ts';

export interface FuzzTarget {
  readonly name: string;
  /** Cases of `npm test`; a long run makes `longTimes` as many. */
  readonly runs: number;
  /** Makes what is fuzzed. */
  readonly open: () => Promise<OpenTarget>;
}

export interface OpenTarget {
  readonly property: fc.IAsyncProperty<unknown[]> | fc.IProperty<unknown[]>;
  /** A process that has ended answers no smaller case either: the first that failed is the one. */
  readonly firstFailure?: boolean;
  /** After all cases: it still works. */
  readonly stillWorks?: () => Promise<void> | void;
  /** Processes besides this one whose memory and open files are looked at. */
  readonly pids?: () => readonly number[];
  readonly close?: () => Promise<void> | void;
}

interface KeptSeed {
  readonly target: string;
  readonly seed: number;
  readonly path: string;
}

export interface FuzzOptions {
  readonly seed: number;
  readonly times: number;
}

const seedsFile = join(import.meta.dirname, 'seeds.json');
/** What caches and compiled code may still take after the first cases. */
const growthBytesMax = 96 * 2 ** 20;
/** Files that come and go by themselves: timers' pipes, a log that is reopened. */
const filesMax = 8;
/** Of the cases, those before the first look: by then everything has been loaded and compiled. */
const warmShare = 0.2;

/** Rejects with the case that failed, shrunk, and keeps its seed. */
export async function fuzz(target: FuzzTarget, { seed, times }: FuzzOptions): Promise<void> {
  const opened = await target.open();
  try {
    for (const kept of readSeeds().filter((each) => each.target === target.name))
      await fc.assert(opened.property, { seed: kept.seed, path: kept.path, endOnFailure: true });
    const runs = target.runs * times;
    await check(target.name, opened, { seed, numRuns: Math.ceil(runs * warmShare) });
    const looks = [footprints(opened)];
    for (const half of [1, 2]) {
      await check(target.name, opened, { seed: seed + half, numRuns: Math.ceil(runs / 2) });
      await opened.stillWorks?.();
      looks.push(footprints(opened));
    }
    requireNoLeak(target.name, looks);
  } finally {
    await opened.close?.();
  }
}

async function check(
  name: string,
  { property, firstFailure = false }: OpenTarget,
  parameters: { readonly seed: number; readonly numRuns: number },
): Promise<void> {
  const details = await fc.check(property, { ...parameters, endOnFailure: firstFailure });
  if (!details.failed) return;
  if (details.counterexamplePath !== null) keep({ target: name, seed: details.seed, path: details.counterexamplePath });
  throw new Error(`${name}: ${fc.defaultReportMessage(details) ?? 'failed'}`, { cause: details.errorInstance });
}

function readSeeds(): KeptSeed[] {
  return JSON.parse(readFileSync(seedsFile, 'utf8')) as KeptSeed[];
}

function keep(seed: KeptSeed): void {
  const seeds = readSeeds();
  if (seeds.some((each) => each.target === seed.target && each.seed === seed.seed && each.path === seed.path)) return;
  writeFileSync(seedsFile, `${JSON.stringify([...seeds, seed], null, 2)}\n`);
}

interface Footprint {
  readonly pid: number;
  readonly bytes: number;
  readonly files: number;
}

function footprints({ pids }: OpenTarget): Footprint[] {
  return [process.pid, ...(pids?.() ?? [])].map((pid) => ({ pid, bytes: memoryOf(pid), files: filesOf(pid) }));
}

/** Of this process what is left after a collection; of another what is resident. */
function memoryOf(pid: number): number {
  if (pid !== process.pid) return Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * 4_096;
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function filesOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** What leaks grows in both halves; what is only collected late stops growing. */
function requireNoLeak(name: string, [before = [], between = [], after = []]: readonly Footprint[][]): void {
  for (const [at, { pid, bytes, files }] of after.entries()) {
    const [first, half] = [before[at], between[at]];
    if (first?.pid !== pid || !half) throw new Error(`${name}: process ${first?.pid} is not there any more`);
    const grown = [half.bytes - first.bytes, bytes - half.bytes];
    if (Math.min(...grown) > growthBytesMax / 2)
      throw new Error(`${name}: process ${pid} holds ${grown.join(' and then again ')} bytes more than before`);
    if (files - first.files > filesMax)
      throw new Error(`${name}: process ${pid} has ${files - first.files} more files open`);
  }
}

/** Bytes that are half right: a good one with some of it changed, cut off, doubled, or something else put in. */
export function mutated(good: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const edit = fc.record({
    // Without fast-check's bias, which would break nothing but the first bytes.
    at: fc.noBias(fc.integer({ min: 0, max: 2 ** 24 - 1 })).map((at) => at / 2 ** 24),
    kind: fc.constantFrom('byte', 'bit', 'cut', 'insert', 'drop', 'repeat', 'huge'),
    bytes: fc.uint8Array({ minLength: 1, maxLength: 16 }),
  });
  return fc
    .tuple(fc.constantFrom(...good), fc.array(edit, { minLength: 1, maxLength: 6 }))
    .map(([start, edits]) => edits.reduce(applyEdit, Buffer.from(start)));
}

function applyEdit(bytes: Buffer, edit: { at: number; kind: string; bytes: Uint8Array }): Buffer {
  const at = Math.floor(edit.at * bytes.length);
  const head = bytes.subarray(0, at);
  const [first = 0] = edit.bytes;
  switch (edit.kind) {
    case 'byte':
      return Buffer.concat([head, edit.bytes, bytes.subarray(at + edit.bytes.length)]);
    case 'bit':
      return Buffer.concat([head, Buffer.of((bytes[at] ?? 0) ^ (1 << (first & 7))), bytes.subarray(at + 1)]);
    case 'cut':
      return Buffer.from(head);
    case 'insert':
      return Buffer.concat([head, edit.bytes, bytes.subarray(at)]);
    case 'drop':
      return Buffer.concat([head, bytes.subarray(at + 1 + (first & 15))]);
    case 'repeat':
      return Buffer.concat([head, bytes.subarray(at, at + 64), bytes.subarray(at)]);
    default:
      // What lengths and counts like to be taken for.
      return Buffer.concat([head, Buffer.from('ffffffff0f', 'hex'), bytes.subarray(at + 5)]);
  }
}
