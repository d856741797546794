/** The dashboard of a large pilot in real Chromium: what it costs, and how soon it is there. */
import { join } from 'node:path';
import type { Browser, CDPSession, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findChromium, openBrowser, pageErrors, picture } from '../harness/browser.ts';
import { type LargePilotPage, serveLargePilot } from '../harness/large-pilot-page.ts';
import { cliScript } from '../harness/pilot.ts';

const found = findChromium();
const skipped = 'why' in found ? found.why : false;
const seenMs = 30_000;
const measureMs = 60_000;
const coreShareMax = 0.05;
const paintMsMax = 1_000;
const pages = ['#/', '#/functions/function-1', '#/scans', '#/timeline'];

describe.skipIf(skipped)(`the dashboard of 100 functions on 64 nodes${skipped ? ` (${skipped})` : ''}`, () => {
  let large: LargePilotPage;
  let browser: Browser;
  let page: Page;
  let system: CDPSession;
  let errors: string[];

  beforeAll(async () => {
    large = await serveLargePilot(join(cliScript, '..'));
    if ('path' in found) browser = await openBrowser(found.path);
    page = await (await browser.newContext({ viewport: { width: 1_280, height: 900 } })).newPage();
    errors = pageErrors(page);
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

  it('has had no page error', () => {
    expect(errors).toEqual([]);
  });
});
