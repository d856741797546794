/** The dashboard in real Chromium: a pilot at work is watched, by its owner and by others, also by those who mean ill. */
import { readFileSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { phantomScan } from '../../functions/sources/index.ts';
import { findChromium, openBrowser, openDashboard, pageErrors, picture } from '../harness/browser.ts';
import { eventually } from '../harness/eventually.ts';
import { FunctionFolder } from '../harness/functions.ts';
import { post } from '../harness/https.ts';
import { deployMainJob, replayInto } from '../harness/main-job.ts';
import { cliScript, TestPilot } from '../harness/pilot.ts';

const found = findChromium();
const skipped = 'why' in found ? found.why : false;
const seenMs = 20_000;
const gzippedBytesMax = 250_000;
/** What runs if a page takes text for markup. */
const evil = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>';

describe('the build', () => {
  it('is three files of at most 250 kB together, zipped, that name no other host', () => {
    const files = ['dashboard.html', 'dashboard.js', 'dashboard.css'].map((name) =>
      readFileSync(join(cliScript, '..', name)),
    );
    expect(files.reduce((sum, bytes) => sum + gzipSync(bytes, { level: 9 }).length, 0)).toBeLessThan(gzippedBytesMax);
    const hosts = files.flatMap((bytes) => bytes.toString().match(/https?:\/\/[\w.-]+/g) ?? []);
    expect(hosts.filter((host) => !host.startsWith('http://www.w3.org'))).toEqual([]);
  });
});

describe.skipIf(skipped)(`a dashboard${skipped ? ` (${skipped})` : ''}`, () => {
  let pilot: TestPilot;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let errors: string[];
  const functions = new FunctionFolder();
  const open = new AsyncDisposableStack();

  beforeAll(async () => {
    pilot = await TestPilot.start({ nodes: 2, coresPerNode: 4, walltime: '2h' });
    await deployMainJob(pilot);
    await functions.deploy(
      pilot,
      'picky',
      `(event, ctx) => {
        ctx.log.warn(event.text());
        if (event.text().includes('fail')) throw new Reject(event.text());
        return 'fine';
      }`,
      ['on: [{ subject: "odd.*" }]', 'retry: { attempts: 1 }'],
    );
    const previewed = {
      entry: join(import.meta.dirname, '../../functions/stream-recon/stream-recon.ts'),
      on: [{ subject: 'scan.*.*' }],
      order: { key: '{1}' },
      resources: { memory: '512MiB' },
      config: { window: 60, every: 20, rows: 4 },
    };
    writeFileSync(join(functions.path, 'pilotfish.yaml'), JSON.stringify({ functions: { 'stream-recon': previewed } }));
    const deployed = await pilot.cli(['deploy', functions.path]);
    expect(deployed.code, deployed.stderr).toBe(0);
    if ('path' in found) browser = await openBrowser(found.path);
    const dashboard = open.use(await openDashboard(pilot));
    context = await browser.newContext({ viewport: { width: 1_280, height: 900 } });
    page = await context.newPage();
    errors = pageErrors(page);
    await page.goto(dashboard.url);
    await page.getByText('live', { exact: true }).waitFor({ timeout: seenMs });
  }, 120_000);

  afterAll(async () => {
    await browser?.close();
    await open.disposeAsync();
    await pilot?.[Symbol.asyncDispose]();
    functions[Symbol.dispose]();
  });

  it('shows the main job at work: nodes, slots, functions with what they do, and why', {
    timeout: 90_000,
  }, async () => {
    await page.getByRole('row', { name: /gridrec/ }).waitFor({ timeout: seenMs });
    const scans = ['a', 'b'].map((scan, seed) =>
      phantomScan({ scan, rows: 8, columns: 128, angles: 90, seed, darks: 5, flats: 5 }),
    );
    const sent = replayInto(pilot, scans, 40);
    const slots = page.locator('.nodes .slot:not(.free)');
    await eventually(async () => (await slots.count()) > 0, { timeoutMs: seenMs, what: 'a slot is held' });
    await page
      .getByRole('row', { name: /split/ })
      .getByText(/^[1-9][\d.]*$/)
      .first()
      .waitFor({ timeout: seenMs });
    await picture(page, 'overview');
    await sent;
    expect(await page.getByText(/left$/).first().textContent()).toMatch(/1 h \d\d m left/);
    expect(errors).toEqual([]);
  });

  it('tells all about a function: charts, versions, decisions, its log', async () => {
    await page.getByRole('link', { name: 'split', exact: true }).first().click();
    await page.getByRole('heading', { name: 'split', level: 1 }).waitFor({ timeout: seenMs });
    await eventually(async () => (await page.locator('.plot canvas').count()) === 5, {
      timeoutMs: seenMs,
      what: 'charts',
    });
    await page
      .getByText(/0 → [1-9]/)
      .first()
      .waitFor({ timeout: seenMs });
    await picture(page, 'function');
    expect(errors).toEqual([]);
  });

  it('shows a scan with its parts, and the reconstruction itself as it is stored', { timeout: 60_000 }, async () => {
    await page.goto(page.url().replace(/#.*/, '#/scans'));
    await page.getByRole('link', { name: 'a', exact: true }).first().click({ timeout: seenMs });
    const shown = page.getByRole('region', { name: 'Reconstruction' });
    await shown.getByText('made by').waitFor({ timeout: seenMs });
    const slices = shown.getByText(/of 8$/).first();
    await slices.waitFor({ timeout: seenMs });
    // A slice is no grey area: inside and outside of the object differ.
    const greys = async () =>
      await page.evaluate<number>(`(() => {
        const canvas = document.querySelector('[aria-label=Reconstruction] canvas');
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        return new Set(data.filter((_, at) => at % 4 === 0)).size;
      })()`);
    await eventually(async () => (await greys()) > 50, { timeoutMs: seenMs, what: 'a slice is drawn' });
    await shown.getByLabel('Black').fill('98');
    await eventually(async () => (await greys()) < 250, { timeoutMs: seenMs, what: 'the window is narrower' });
    await shown.getByLabel('Black').fill('0');
    await picture(page, 'scan');
    expect(errors).toEqual([]);
  });

  it('shows a preview while the scan arrives', { timeout: 120_000 }, async () => {
    await page.goto(page.url().replace(/#.*/, '#/scans/live'));
    const scan = phantomScan({ scan: 'live', rows: 4, columns: 64, angles: 120, seed: 3, darks: 5, flats: 5 });
    const sent = replayInto(pilot, [scan], 20);
    const section = page.getByRole('region', { name: 'Preview while it arrives' });
    const frames = section
      .getByRole('row', { name: /^frames/ })
      .getByRole('cell')
      .first();
    await frames.waitFor({ timeout: seenMs });
    const first = Number(await frames.textContent());
    await picture(page, 'preview');
    // Nobody touches the page: the newer preview replaces the one that is shown.
    await eventually(async () => Number(await frames.textContent()) > first, {
      timeoutMs: 60_000,
      what: 'a newer preview',
    });
    await sent;
    await page.goto(page.url().replace(/#.*/, '#/scans'));
    await page.locator('.previews').getByRole('link', { name: 'live' }).waitFor({ timeout: seenMs });
    expect(errors).toEqual([]);
  });

  it('shows a slice that is too large for a message, shrunk, and another try beside the one before', {
    timeout: 60_000,
  }, async () => {
    await using source = await pilot.events('source');
    const side = 2_048;
    const publish = async (by: string, grey: number) => {
      const values = Float32Array.from({ length: side * side }, (_, at) => (at % side < side / 2 ? grey : 2));
      const data = new Uint8Array(values.buffer);
      await source.publish('recon.big.0', data, {
        dtype: 'f32',
        shape: [side, side],
        headers: { 'Pilotfish-Recon': by },
      });
      await source.flush();
    };
    await publish('gridrec; filter=shepp', 0);
    await page.goto(page.url().replace(/#.*/, '#/scans/big'));
    await page.getByText('2048 × 2048, shown as 1024 × 1024').waitFor({ timeout: seenMs });
    expect(await page.locator('.viewer canvas').count()).toBe(1);
    await publish('gridrec; filter=hann', 1);
    await page.getByRole('columnheader', { name: 'before' }).waitFor({ timeout: seenMs });
    const made = page.getByRole('row', { name: /^made by/ });
    expect(await made.getByRole('cell').allTextContents()).toEqual(['gridrec; filter=shepp', 'gridrec; filter=hann']);
    expect(await made.getAttribute('class')).toBe('differs');
    expect(await page.locator('.viewer canvas').count()).toBe(2);
    await picture(page, 'before-after');
    await page.getByRole('button', { name: 'Show one' }).click();
    expect(await page.locator('.viewer canvas').count()).toBe(1);
    expect(errors).toEqual([]);
  });

  it('takes payloads, headers, errors and log lines for text, whatever they hold', { timeout: 60_000 }, async () => {
    await using source = await pilot.events('source');
    await source.publish('odd.1', evil, { headers: { 'x-note': evil } });
    await source.publish('odd.2', `fail ${evil}`, { headers: { 'x-note': evil } });
    await source.flush();
    await page.goto(page.url().replace(/#.*/, '#/functions/picky'));
    await page.getByRole('log').getByText(evil).first().waitFor({ timeout: seenMs });
    await page.getByRole('button', { name: 'Look' }).first().click({ timeout: seenMs });
    await page.getByRole('dialog').getByText('x-note').waitFor({ timeout: seenMs });
    await picture(page, 'dead-letter');
    await page.goto(page.url().replace(/#.*/, `#/functions/${encodeURIComponent(evil)}`));
    await page.getByText('There is no function').waitFor({ timeout: seenMs });
    expect(await page.evaluate('window.hurt')).toBeUndefined();
    // Such a name cannot even be deployed.
    const refused = await pilot.cli(['invoke', evil, '-d', 'x']);
    expect(refused.code).toBe(4);
    expect(errors).toEqual([]);
  });

  it('gives a dead letter back from the page', async () => {
    await page.goto(page.url().replace(/#.*/, '#/functions/picky'));
    await page.getByRole('button', { name: 'Look' }).first().click({ timeout: seenMs });
    await page.getByRole('dialog').getByRole('button', { name: 'Give back' }).click();
    await page.goto(page.url().replace(/#.*/, '#/timeline'));
    await page.getByText('dead letters given back by owner').waitFor({ timeout: seenMs });
    await picture(page, 'timeline');
  });

  it('finds the gateway again by itself', { timeout: 60_000 }, async () => {
    await page.goto(page.url().replace(/#.*/, '#/'));
    process.kill(pilot.pid('n1', 'gateway'), 'SIGKILL');
    await page.getByText('reconnecting').waitFor({ timeout: seenMs });
    await page.getByText('live', { exact: true }).waitFor({ timeout: seenMs });
    await page.getByRole('row', { name: /gridrec/ }).waitFor({ timeout: seenMs });
    // What the killed gateway saw of nodes is still told.
    await page.goto(page.url().replace(/#.*/, '#/timeline'));
    await eventually(async () => (await page.getByText('node has joined').count()) >= 4, {
      timeoutMs: seenMs,
      what: 'both nodes have joined both gateways',
    });
    await page.getByText('gateway 1 begins').waitFor({ timeout: seenMs });
  });

  it('fits a telephone, and is dark where that is wanted', async () => {
    const small = await context.newPage();
    await small.setViewportSize({ width: 390, height: 800 });
    await small.emulateMedia({ colorScheme: 'dark' });
    for (const [name, hash] of [
      ['overview', '#/'],
      ['function', '#/functions/split'],
      ['timeline', '#/timeline'],
      ['scan', '#/scans/a'],
    ]) {
      await small.goto(page.url().replace(/#.*/, hash ?? ''));
      await small.getByText('live', { exact: true }).waitFor({ timeout: seenMs });
      const [width, seen] = await small.evaluate<[number, number]>(
        '[document.documentElement.scrollWidth, window.innerWidth]',
      );
      expect(width, `${name} scrolls sideways`).toBeLessThanOrEqual(seen ?? 0);
      const wide = await small.evaluate<string[]>(
        '[...document.querySelectorAll(".scroll")].filter((box) => box.scrollWidth > box.clientWidth).map((box) => box.innerText)',
      );
      expect(wide, `tables of ${name} that scroll sideways`).toEqual([]);
      await picture(small, `${name}-small-dark`);
    }
    await small.close();
  });

  it('can be walked with the keyboard', async () => {
    await page.goto(page.url().replace(/#.*/, '#/'));
    await page.reload();
    await page.getByText('live', { exact: true }).waitFor({ timeout: seenMs });
    const reached: string[] = [];
    for (let at = 0; at < 12; at++) {
      await page.keyboard.press('Tab');
      reached.push(await page.evaluate<string>('document.activeElement?.textContent?.trim() ?? ""'));
    }
    expect(reached[0]).toBe('Skip to content');
    expect(reached).toEqual(expect.arrayContaining(['Overview', 'Timeline', 'gridrec']));
  });

  it('does what it does with the keyboard alone: asks on "Cancel", leaves with Escape, and gives the focus back', {
    timeout: 60_000,
  }, async () => {
    const focused = () => page.evaluate<string>('document.activeElement?.textContent?.trim() ?? ""');
    const drain = page.getByRole('button', { name: 'Drain' }).last();
    await drain.focus();
    await page.keyboard.press('Enter');
    await eventually(async () => (await focused()) === 'Cancel', { timeoutMs: seenMs, what: 'it asks' });
    await page.keyboard.press('Escape');
    await eventually(async () => (await focused()) === 'Drain', { timeoutMs: seenMs, what: 'the focus is back' });
    await page.goto(page.url().replace(/#.*/, '#/functions/picky'));
    const look = page.getByRole('button', { name: 'Look' }).first();
    await look.focus({ timeout: seenMs });
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor({ timeout: seenMs });
    await page.keyboard.press('Escape');
    await eventually(async () => (await focused()) === 'Look', { timeoutMs: seenMs, what: 'the focus is back' });
    await page.goto(page.url().replace(/#.*/, '#/scans/a'));
    const slice = page.getByRole('region', { name: 'Reconstruction' }).getByRole('slider').first();
    await slice.focus({ timeout: seenMs });
    await page.keyboard.press('Home');
    await page.getByText('1 of 8').waitFor({ timeout: seenMs });
    await page.keyboard.press('ArrowRight');
    await page.getByText('2 of 8').waitFor({ timeout: seenMs });
    await page.goto(page.url().replace(/#.*/, '#/'));
    await drain.focus({ timeout: seenMs });
    await page.keyboard.press('Enter');
    await eventually(async () => (await focused()) === 'Cancel', { timeoutMs: seenMs, what: 'it asks' });
    for (const key of ['Shift+Tab', 'Enter']) await page.keyboard.press(key);
    await page.getByText('draining').first().waitFor({ timeout: seenMs });
    // Everything that reacts to a click can be focused: no action is the mouse's alone.
    const deaf = await page.evaluate<number>(
      `[...document.querySelectorAll('button, a, input, select, summary')].filter((each) => !each.hidden && each.tabIndex < 0).length`,
    );
    expect(deaf).toBe(0);
  });

  it('offers a viewer nothing that changes, and the gateway would refuse it', { timeout: 60_000 }, async () => {
    const file = join(functions.path, 'viewer.json');
    const made = await pilot.cli(['auth', 'token', 'create', '--role', 'view', '--name', 'visitor', '--out', file]);
    expect(made.code, made.stderr).toBe(0);
    await using dashboard = await openDashboard(pilot, file);
    const visitor = await (await browser.newContext()).newPage();
    await visitor.goto(dashboard.url);
    await visitor.getByText('live', { exact: true }).waitFor({ timeout: seenMs });
    expect(await visitor.getByRole('button', { name: 'Drain' }).count()).toBe(0);
    const status = await visitor.evaluate(async () => {
      const headers = { 'X-Pilotfish': 'page' };
      const answer = await fetch('/ui/api/DrainNode', { method: 'POST', headers, body: '{"node":"n1"}' });
      return answer.status;
    });
    expect(status).toBe(403);
  });

  it('opens for nobody without the key, nor for another site', async () => {
    const dashboard = await openDashboard(pilot);
    open.use(dashboard);
    const plain = new URL('/ui/', dashboard.url).href;
    expect(await statusOf(plain)).toBe(401);
    expect(await statusOf(`${plain}?key=${'x'.repeat(32)}`)).toBe(401);
    expect(await statusOf(dashboard.url, { host: 'evil.example' })).toBe(421);
  });

  it("is behind the pilot's certificates, and sends a policy that lets nothing in", async () => {
    const { connection } = pilot;
    const gateway = (await firstWatch(pilot)).httpUrl;
    await expect(
      post(connection, `${gateway}/ui/`, '', { method: 'GET', tls: { cert: '', key: '' } }),
    ).rejects.toThrow();
    const answer = await post(connection, `${gateway}/ui/`, '', { method: 'GET' });
    expect(answer.status).toBe(200);
    expect(answer.headers['content-security-policy']).toMatch(/default-src 'none'.*script-src 'self'/);
    // A link on somebody else's page cannot set a header.
    const forged = await post(connection, `${gateway}/ui/api/Rollback`, '{"name":"split"}');
    expect(forged.status).toBe(403);
    const malformed = await post(connection, `${gateway}/ui/api/Rollback`, '{"nam', {
      headers: { 'x-pilotfish': '1' },
    });
    expect([malformed.status, malformed.text]).toEqual([400, expect.stringContaining('not JSON')]);
  });
});

async function firstWatch(pilot: TestPilot): Promise<{ httpUrl: string }> {
  for await (const message of pilot.client.watch(AbortSignal.timeout(seenMs))) return message;
  throw new Error('nothing was told');
}

function statusOf(url: string, headers: Record<string, string> = {}): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  httpRequest(url, { headers }, (response) => {
    response.resume();
    resolve(response.statusCode ?? 0);
  })
    .on('error', reject)
    .end();
  return promise;
}
