/** The dashboard of a large pilot in real Chromium: what it costs, how soon it is there, and that it lasts. */
import { join } from 'node:path';
import type { Browser, CDPSession, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findChromium, openBrowser, pageErrors, picture } from '../harness/browser.ts';
import { eventually } from '../harness/eventually.ts';
import { type LargePilotPage, serveLargePilot } from '../harness/large-pilot-page.ts';
import { cliScript } from '../harness/pilot.ts';

const found = findChromium();
const skipped = 'why' in found ? found.why : false;
const seenMs = 30_000;
const measureMs = 60_000;
const coreShareMax = 0.05;
const soakMs = Number(process.env['PILOTFISH_SOAK_MS'] ?? 11 * 60_000);
/** Charts keep ten minutes, lists a thousand entries: they fill during the first half. */
const heapGrowthMax = 1.5;
const paintMsMax = 1_000;
const pages = ['#/', '#/functions/function-1', '#/scans', '#/timeline'];

describe.skipIf(skipped)(`the dashboard of 100 functions on 64 nodes${skipped ? ` (${skipped})` : ''}`, () => {
  let large: LargePilotPage;
  let browser: Browser;
  let page: Page;
  let devtools: CDPSession;
  let system: CDPSession;
  let errors: string[];

  beforeAll(async () => {
    large = await serveLargePilot(join(cliScript, '..'));
    if ('path' in found) browser = await openBrowser(found.path);
    page = await (await browser.newContext({ viewport: { width: 1_280, height: 900 } })).newPage();
    errors = pageErrors(page);
    devtools = await page.context().newCDPSession(page);
    system = await browser.newBrowserCDPSession();
  });

  afterAll(async () => {
    await browser?.close();
    await large?.[Symbol.asyncDispose]();
  });

  /** CPU seconds of the process that runs the page, and of the one that paints for it. */
  async function cpuSeconds(): Promise<{ readonly page: number; readonly paint: number }> {
    const { processInfo } = await system.send('SystemInfo.getProcessInfo');
    const of = (kind: string) =>
      Math.max(0, ...processInfo.filter(({ type }) => type === kind).map(({ cpuTime }) => cpuTime));
    return { page: of('renderer'), paint: of('GPU') };
  }

  async function heapBytes(): Promise<number> {
    await devtools.send('HeapProfiler.collectGarbage');
    return (await devtools.send('Runtime.getHeapUsage')).usedSize;
  }

  it('is painted within a second', async () => {
    await page.goto(large.url);
    await page.getByText('live', { exact: true }).waitFor({ timeout: seenMs });
    const paintMs = await page.evaluate<number>(
      'performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Infinity',
    );
    process.stderr.write(`first contentful paint after ${paintMs.toFixed(0)} ms\n`);
    expect(paintMs).toBeLessThan(paintMsMax);
  });

  it.each(pages)('costs at most a twentieth of a core: %s', async (hash) => {
    await page.goto(large.url + hash);
    await page.getByText('live', { exact: true }).waitFor({ timeout: seenMs });
    const [before, from] = [await cpuSeconds(), performance.now()];
    await page.waitForTimeout(measureMs);
    const [after, seconds] = [await cpuSeconds(), (performance.now() - from) / 1_000];
    const share = (after.page - before.page) / seconds;
    const painting = (after.paint - before.paint) / seconds;
    process.stderr.write(
      `${hash}: ${(100 * share).toFixed(1)} % of a core, painting ${(100 * painting).toFixed(1)} %\n`,
    );
    await picture(page, `large-${hash.replaceAll(/\W/g, '')}`);
    expect(share).toBeLessThan(coreShareMax);
  });

  it('lasts: no page error, and no heap that grows', { timeout: soakMs + 120_000 }, async () => {
    const heaps: number[] = [];
    await page.goto(large.url);
    const until = performance.now() + soakMs;
    for (let at = 0; performance.now() < until; at++) {
      await page.evaluate(`location.hash = '${pages[at % pages.length]}'`);
      await page.waitForTimeout(5_000);
      // Always on the same page: what another one shows is no leak.
      if (at % pages.length === 0) heaps.push(await heapBytes());
    }
    const quarter = Math.ceil(heaps.length / 4);
    const middle = median(heaps.slice(quarter, 3 * quarter));
    const last = median(heaps.slice(-quarter));
    process.stderr.write(`heap in MB: ${heaps.map((bytes) => (bytes / 1e6).toFixed(1)).join(' ')}\n`);
    expect(last).toBeLessThan(middle * heapGrowthMax);
    expect(errors).toEqual([]);
    const sent = large.sent();
    await eventually(() => large.sent() > sent, { timeoutMs: seenMs, what: 'another message' });
    await page.getByText('live', { exact: true }).waitFor({ timeout: seenMs });
  });
});

/** One that was looked at in the middle of a message says little. */
function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
