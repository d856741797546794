/** Waits until a block's job runs and its nodes are ready, and tells what it waits for. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, formatDuration, messageOf, PlatformError, systemClock } from '#common';
import { type Connection, connectionSchema } from '#model';
import { readPrivate } from '#security';
import { nodePaths, pilotPaths } from '../files/home.ts';
import { readTails } from '../files/log-tail.ts';
import { parseProgress, progressError } from '../files/progress.ts';
import type { JobState, Scheduler } from '../scheduler/index.ts';
import { type Block, blockPaths, listBlocks, readBlock } from './blocks.ts';
import { schedulerOf } from './start-block.ts';

export interface BlockWait {
  readonly onPhase: (phase: { readonly node: string; readonly phase: string }) => void;
  readonly signal: AbortSignal;
  /** Asks the gateway; left off, nodes' own word is enough. */
  readonly waitReady?: ((connection: Connection, nodes: number, timeoutMs: number) => Promise<unknown>) | undefined;
  /** How many nodes the pilot has with these; default: the block's own. */
  readonly nodes?: number;
  readonly clock?: Clock;
  readonly scheduler?: Scheduler;
}

/** From the job's start to ready. */
const startTimeoutMs = 60_000;
/** Files are looked at this often: on a shared file system nobody tells of changes. */
const lookEveryMs = 50;
/** The scheduler is asked after this long, and then less and less often while the job waits. */
const askMsMin = 500;
const askMsMax = 15_000;
/** A scheduler that has just taken a job may not know it yet, or be away for a minute: not believed at once. */
const goneTimesMax = 3;
const silenceMsMax = 10 * 60_000;

/** Throws `unavailable` with the log's tail when the job or a launcher ends before; `cancelled` on the signal. */
export async function waitForBlock(first: Block, wait: BlockWait): Promise<void> {
  const clock = wait.clock ?? systemClock;
  const watch = new JobWatch(first, wait, clock);
  let block = first;
  while (block.startedAtMs === undefined) {
    if (await watch.ended()) throw jobEnded(block, watch.state);
    await clock.sleep(lookEveryMs, wait.signal);
    wait.signal.throwIfAborted();
    block = readBlock(first.directory) ?? block;
  }
  wait.onPhase({ node: '', phase: `job ${block.job} runs` });
  const deadline = clock.monotonic() + startTimeoutMs;
  const progress = new ProgressFiles(block);
  while (progress.ready < block.plan.nodes.length) {
    progress.read(wait.onPhase);
    if (clock.monotonic() >= deadline) throw lateNodes(block, progress);
    if (await watch.ended()) {
      // Its last words came before its end.
      progress.read(wait.onPhase);
      throw jobEnded(block, watch.state);
    }
    await clock.sleep(lookEveryMs, wait.signal);
    wait.signal.throwIfAborted();
  }
  if (!wait.waitReady) return;
  const connection = connectionSchema.parse(JSON.parse(readPrivate(pilotPaths(block.plan.pilotDirectory).connection)));
  const leftMs = Math.round(deadline - clock.monotonic());
  try {
    await wait.waitReady(connection, wait.nodes ?? block.plan.nodes.length, leftMs);
  } catch (error) {
    // A gateway that was ready once and does not answer: its job may be over, which says more.
    throw (await watch.hasEnded()) ? jobEnded(block, watch.state, 'has ended') : error;
  }
  wait.onPhase({ node: '', phase: `ready ${formatDuration(clock.now() - block.startedAtMs)} after the job's start` });
}

/** The same for a pilot that somebody has brought up; one without a scheduler job has been ready since `up` returned. */
export async function waitForPilot(pilotDirectory: string, wait: BlockWait): Promise<void> {
  const first = listBlocks(pilotDirectory).find(({ plan }) => plan.gateway);
  if (first) await waitForBlock(first, wait);
}

/** Asks about one job, in growing steps, and tells what has changed. */
class JobWatch {
  state: JobState | undefined;
  readonly #block: Block;
  readonly #wait: BlockWait;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  #pauseMs = askMsMin;
  #nextAt: number;
  #told = '';
  #goneTimes = 0;
  #heardAt: number;

  constructor(block: Block, wait: BlockWait, clock: Clock) {
    this.#block = block;
    this.#wait = wait;
    this.#clock = clock;
    this.#scheduler = wait.scheduler ?? schedulerOf(block);
    this.#heardAt = clock.monotonic();
    this.#nextAt = this.#heardAt + askMsMin;
  }

  /** True once the job has ended, or the scheduler has said so often that it knows none. */
  async ended(): Promise<boolean> {
    const now = this.#clock.monotonic();
    if (now < this.#nextAt || this.#block.job === undefined) return false;
    try {
      this.state = (await this.#scheduler.states([this.#block.job])).get(this.#block.job);
      this.#heardAt = this.#clock.monotonic();
    } catch (error) {
      // A controller that is away for a minute ends no job.
      if (PlatformError.from(error).code !== 'unavailable' || now - this.#heardAt > silenceMsMax) throw error;
      this.#tell(messageOf(error));
    }
    this.#pauseMs = Math.min(askMsMax, this.#pauseMs * 1.5);
    this.#nextAt = this.#clock.monotonic() + this.#pauseMs;
    if (this.state?.phase === 'queued') this.#tell(queuedText(this.state));
    if (this.state?.phase !== 'ended') return false;
    this.#goneTimes += 1;
    return this.state.word !== 'GONE' || this.#goneTimes >= goneTimesMax;
  }

  /** Asks now, whatever was asked when. */
  async hasEnded(): Promise<boolean> {
    this.#nextAt = Number.NEGATIVE_INFINITY;
    return await this.ended().catch(() => false);
  }

  #tell(text: string): void {
    if (text === this.#told) return;
    this.#told = text;
    this.#wait.onPhase({ node: '', phase: text });
  }
}

function queuedText({ id, word, reason, startAtMs }: JobState): string {
  const why = reason === '' ? '' : ` (${reason})`;
  const start = startAtMs === undefined ? '' : `, expected to start at ${new Date(startAtMs).toISOString()}`;
  return `job ${id} waits: ${word.toLowerCase()}${why}${start}`;
}

/** What launchers have told so far; a requeued job's launchers begin anew. */
class ProgressFiles {
  ready = 0;
  readonly #block: Block;
  readonly #seen = new Map<string, number>();

  constructor(block: Block) {
    this.#block = block;
  }

  /** Throws the error that a launcher tells. */
  read(onPhase: BlockWait['onPhase']): void {
    for (const node of this.#block.plan.nodes) {
      const paths = nodePaths(join(pilotPaths(this.#block.plan.pilotDirectory).nodes, node));
      const lines = readLines(paths.progress);
      for (const line of lines.slice(this.#seen.get(node) ?? 0)) {
        const progress = parseProgress(line);
        if (!progress) continue;
        if ('failed' in progress) throw withTail(progressError(progress.failed, node), progress.failed.log);
        const phase = 'phase' in progress ? progress.phase : 'ready';
        onPhase({ node, phase: `${phase}, ${formatDuration(progress.ms)} after the job's start` });
        if (phase === 'ready') this.ready += 1;
      }
      this.#seen.set(node, lines.length);
    }
  }
}

/** Whole lines only. */
function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n').slice(0, -1);
  } catch {
    // The launcher has told nothing yet.
    return [];
  }
}

function jobEnded(block: Block, state: JobState | undefined, what = 'ended before the pilot was ready'): PlatformError {
  const word = state ? `${state.word.toLowerCase()}${state.reason === '' ? '' : `, ${state.reason}`}` : 'unknown';
  const error = new PlatformError('unavailable', `job ${block.job} ${what} (${word})`, {
    hint: 'Its output is shown above.',
  });
  return withTail(error, ...logsOf(block));
}

/** The job's own, then those of its launchers: one that could not start at all has said so there. */
function logsOf({ directory, plan }: Block): string[] {
  const { nodes } = pilotPaths(plan.pilotDirectory);
  return [blockPaths(directory).output, ...plan.nodes.map((node) => nodePaths(join(nodes, node)).log('launcher'))];
}

function lateNodes(block: Block, progress: ProgressFiles): PlatformError {
  const text = `${progress.ready} of ${block.plan.nodes.length} nodes were ready ${startTimeoutMs / 1_000} s after the job's start`;
  return withTail(new PlatformError('timeout', text), ...logsOf(block));
}

function withTail(error: PlatformError, ...logs: readonly string[]): PlatformError {
  const { code, message, hint } = error;
  return new PlatformError(code, message, { hint, cause: error, foreignStack: readTails(logs) });
}
