/**
 * The dashboard left open: on a pilot that runs the main job scan after scan, whose gateway is killed half-way, and on a page of
 * 100 functions and 64 nodes that all change. `PILOTFISH_SOAK_MS=3600000` lets it last an hour instead of eleven minutes.
 */
import { join } from 'node:path';
import type { Browser, CDPSession, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { phantomScan } from '../../functions/sources/index.ts';
import { findChromium, openBrowser, openDashboard, pageErrors } from '../harness/browser.ts';
import { serveLargePilot } from '../harness/large-pilot-page.ts';
import { deployMainJob, replayInto } from '../harness/main-job.ts';
import { cliScript, TestPilot } from '../harness/pilot.ts';

const found = findChromium();
const skipped = 'why' in found ? found.why : false;
const seenMs = 60_000;
const soakMs = Number(process.env['PILOTFISH_SOAK_MS'] ?? 11 * 60_000);
const pageMs = 5_000;
/** Charts keep ten minutes, lists a thousand entries: they fill during the first half. */
const growthMax = 1.5;
/** A scan's 100 frames take 25 s: the pilot is never idle, and leaves the machine to others. */
const framesPerSecond = 4;
const columns = 128;

describe.skipIf(skipped)(`a dashboard that stays open${skipped ? ` (${skipped})` : ''}`, () => {
  let pilot: TestPilot;
  let browser: Browser;
  const open = new AsyncDisposableStack();

  beforeAll(async () => {
    pilot = open.use(await TestPilot.start({ nodes: 2, coresPerNode: 2 }));
    await deployMainJob(pilot);
    if ('path' in found) browser = await openBrowser(found.path);
  }, 180_000);

  afterAll(async () => {
    await browser?.close();
    await open.disposeAsync();
  }, 60_000);

  it('shows no error, does not grow, and finds the gateway that came back', { timeout: soakMs + 300_000 }, async () => {
    const dashboard = open.use(await openDashboard(pilot));
    const large = open.use(await serveLargePilot(join(cliScript, '..')));
    const atWork = await OpenPage.open(browser, 'main job', dashboard.url, [
      '#/functions/split',
      '#/scans',
      '#/timeline',
    ]);
    const busy = await OpenPage.open(browser, 'large pilot', large.url, [
      '#/functions/function-1',
      '#/scans',
      '#/timeline',
    ]);
    const end = performance.now() + soakMs;
    const job = runScansUntil(pilot, end, async (scans) => {
      if (performance.now() < end - soakMs / 2 || scans.killed) return;
      scans.killed = true;
      process.kill(pilot.pid('n1', 'gateway'), 'SIGKILL');
    });
    while (performance.now() < end) await Promise.all([atWork.walk(job.last()), busy.walk()]);
    const scans = await job.done;
    process.stderr.write(`${scans.count} scans; ${atWork.report()}; ${busy.report()}\n`);
    expect(scans.killed, 'the gateway was killed').toBe(true);
    for (const page of [atWork, busy]) page.check();
    // What is shown is of now: the last scan, handled after the gateway came back, is there.
    await atWork.see(`#/scans/${scans.last}`, 'made by');
  });
});

interface Scans {
  count: number;
  last: string;
  killed: boolean;
}

/** One scan after the other; `between` may do something else before the next. */
function runScansUntil(pilot: TestPilot, end: number, between: (scans: Scans) => Promise<void>) {
  const scans: Scans = { count: 0, last: '', killed: false };
  const run = async () => {
    while (performance.now() < end) {
      const scan = `soak${scans.count}`;
      const shape = { rows: 8, columns, angles: 90, seed: scans.count, darks: 5, flats: 5 };
      await replayInto(pilot, [phantomScan({ scan, ...shape })], framesPerSecond);
      scans.count++;
      scans.last = scan;
      await between(scans);
    }
    return scans;
  };
  return { last: () => scans.last, done: run() };
}

/** A page that is walked from place to place, and weighed each time it is back at its beginning. */
class OpenPage {
  readonly #heaps: number[] = [];
  readonly #name: string;
  readonly #page: Page;
  readonly #places: readonly string[];
  readonly #errors: readonly string[];
  readonly #devtools: CDPSession;

  private constructor(name: string, page: Page, places: readonly string[], devtools: CDPSession) {
    this.#name = name;
    this.#page = page;
    this.#places = places;
    this.#errors = pageErrors(page);
    this.#devtools = devtools;
  }

  static async open(browser: Browser, name: string, url: string, places: readonly string[]): Promise<OpenPage> {
    const context = await browser.newContext({ viewport: { width: 1_280, height: 900 } });
    const page = await context.newPage();
    const opened = new OpenPage(name, page, places, await context.newCDPSession(page));
    await page.goto(url);
    await opened.see('#/', 'live');
    return opened;
  }

  /** All places once, and the slices of a scan where there is one. */
  async walk(scan?: string): Promise<void> {
    for (const place of [...this.#places, ...(scan ? [`#/scans/${scan}`] : []), '#/']) {
      await this.#go(place);
      await this.#page.waitForTimeout(pageMs);
    }
    // Always on the same page: what another one shows is no leak.
    await this.#devtools.send('HeapProfiler.collectGarbage');
    this.#heaps.push((await this.#devtools.send('Runtime.getHeapUsage')).usedSize);
  }

  async see(place: string, text: string): Promise<void> {
    await this.#go(place);
    await this.#page.getByText('live', { exact: true }).waitFor({ timeout: seenMs });
    await this.#page.getByText(text).first().waitFor({ timeout: seenMs });
  }

  async #go(place: string): Promise<void> {
    await this.#page.evaluate(`location.hash = '${place}'`);
  }

  report(): string {
    return `${this.#name}: heap in MB ${this.#heaps.map((bytes) => (bytes / 1e6).toFixed(1)).join(' ')}`;
  }

  check(): void {
    const quarter = Math.ceil(this.#heaps.length / 4);
    const middle = median(this.#heaps.slice(quarter, 3 * quarter));
    expect(median(this.#heaps.slice(-quarter)), this.report()).toBeLessThan(middle * growthMax);
    expect(this.#errors, this.#name).toEqual([]);
  }
}

/** One that was looked at in the middle of a message says little. */
function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
