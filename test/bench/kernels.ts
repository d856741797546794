/**
 * Slices per CPU second of the SIMD kernels, one thread, against the plain TypeScript beside them and, with `--tomopy PYTHON`, against TomoPy
 * with its best FFT plans. Sides take turns in one run. Every row says ms a slice (and iteration), and the same in calibrations: how many
 * 1,024-point FFTs in plain TypeScript (baseline/fft-1024.ts) the machine would have done meanwhile.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { relativeL2 } from '../../functions/phantom/index.ts';
import { CalibrationFft } from './baseline/fft-1024.ts';
import { gridrecCase, type KernelCase, mlemCase } from './kernels/cases.ts';
import { startTomopy, type TomopyPeer } from './kernels/tomopy-peer.ts';
import { type BenchResult, compare, median } from './report.ts';
import type { BenchOptions } from './run.ts';

const calibrationRuns = 2_000;
/** The system counts CPU time in steps of up to 4 ms, as much as a small run takes. */
const spanSeconds = 0.2;

export async function benchKernels({ runs, tomopy }: BenchOptions): Promise<BenchResult[]> {
  const folder = mkdtempSync(join(tmpdir(), 'pilotfish-kernels-'));
  const peer = tomopy === undefined ? undefined : await startTomopy(tomopy, folder);
  if (peer) process.stderr.write(`TomoPy ${peer.version}\n`);
  else process.stderr.write('without --tomopy PYTHON there are no rows against TomoPy\n');
  try {
    const calibration: number[] = [];
    const rows: Row[] = [];
    for (const { subject, against } of await listCases(peer !== undefined)) {
      rows.push(await measure(subject, against, { runs, peer, calibration }));
    }
    const microseconds = median(calibration);
    process.stderr.write(`calibration: ${microseconds.toFixed(2)} us\n`);
    return rows.map((row) => describe(row, microseconds));
  } finally {
    peer?.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

type Against = 'ts' | 'tomopy';

interface Row {
  readonly name: string;
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
  /** Relative L2 between the two results. */
  readonly distance: number;
}

async function listCases(withTomopy: boolean): Promise<{ subject: KernelCase; against: Against }[]> {
  const cases: { subject: KernelCase; against: Against }[] = [
    {
      subject: await gridrecCase({ name: 'gridrec-512x360', columns: 512, angles: 360, slices: 8, repeats: 3 }),
      against: 'ts',
    },
    {
      subject: await mlemCase({ name: 'mlem-256x180', columns: 256, angles: 180, slices: 16, repeats: 1 }),
      against: 'ts',
    },
  ];
  if (!withTomopy) return cases;
  const wide = { columns: 1024, angles: 720, slices: 4, repeats: 2 };
  const peers = [
    await gridrecCase({ name: 'gridrec-512x360', columns: 512, angles: 360, slices: 8, repeats: 3 }),
    await gridrecCase({ name: 'gridrec-1024x720', ...wide }),
    await mlemCase({ name: 'mlem-256x180x4', columns: 256, angles: 180, slices: 4, repeats: 1 }),
    await mlemCase({ name: 'mlem-256x180x16', columns: 256, angles: 180, slices: 16, repeats: 1 }),
  ];
  return [...cases, ...peers.map((subject) => ({ subject, against: 'tomopy' as const }))];
}

/** Rounds in which every side has its turn; the first one is warm-up. */
async function measure(
  subject: KernelCase,
  against: Against,
  { runs, peer, calibration }: { runs: number; peer: TomopyPeer | undefined; calibration: number[] },
): Promise<Row> {
  const { slices } = subject.scan;
  const perSlice = (seconds: number): number => (1000 * seconds) / slices / subject.iterations;
  const [ours, theirs]: [number[], number[]] = [[], []];
  const name = `${subject.name}-vs-${against}`;
  let distance = Number.NaN;
  for (let round = 0; round <= runs; round++) {
    calibration.push(calibrate());
    const simd = best(subject.repeats, subject.simd);
    const other = against === 'tomopy' && peer ? { seconds: await peer.run(subject) } : best(1, subject.plain);
    if (round === 0) {
      distance =
        'result' in other
          ? relativeL2(simd.result, other.result)
          : (peer?.distance(simd.result, subject) ?? Number.NaN);
      continue;
    }
    ours.push(perSlice(simd.seconds));
    theirs.push(perSlice(other.seconds));
    process.stderr.write(
      `run ${round}/${runs} ${name}: ${ours.at(-1)?.toFixed(2)} and ${theirs.at(-1)?.toFixed(2)} ms a slice\n`,
    );
  }
  return { name, ours, theirs, distance };
}

function describe({ name, ours, theirs, distance }: Row, calibrationUs: number): BenchResult {
  const perSecond = (times: readonly number[]): number[] => times.map((ms) => 1000 / ms);
  const msPerSlice = median(ours);
  return {
    ...compare(name, 'slices/CPU s', perSecond(ours), perSecond(theirs)),
    details: {
      msPerSlice,
      baselineMsPerSlice: median(theirs),
      calibrationUs,
      calibrationsPerSlice: (1000 * msPerSlice) / calibrationUs,
      relativeL2: distance,
    },
  };
}

/** CPU seconds of this thread alone: neither collections nor compilations beside it count. */
function best(repeats: number, run: () => Float32Array): { seconds: number; result: Float32Array } {
  let seconds = Number.POSITIVE_INFINITY;
  let result = new Float32Array(0);
  for (let i = 0; i < repeats; i++) {
    const started = process.threadCpuUsage();
    let runs = 0;
    let spent = 0;
    while (spent < spanSeconds) {
      result = run() as Float32Array<ArrayBuffer>;
      const { user, system } = process.threadCpuUsage(started);
      spent = (user + system) / 1e6;
      runs++;
    }
    seconds = Math.min(seconds, spent / runs);
  }
  return { seconds, result };
}

/** Microseconds of one FFT. */
function calibrate(): number {
  const fft = new CalibrationFft();
  const re = Float64Array.from({ length: 1024 }, (_, i) => Math.sin(i));
  const im = new Float64Array(1024);
  for (let i = 0; i < calibrationRuns; i++) fft.run(re.fill(1), im.fill(0));
  const started = process.threadCpuUsage();
  for (let i = 0; i < calibrationRuns; i++) fft.run(re.fill(1), im.fill(0));
  const { user, system } = process.threadCpuUsage(started);
  return (user + system) / calibrationRuns;
}
