/** Real Chromium before a pilot's dashboard: found where the machine has it, or installed as root where CI runs. */
import { execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Browser, chromium, type Page } from 'playwright-core';
import { cliScript, type TestPilot } from './pilot.ts';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];
const installMs = 240_000;

/** The browser's path, or why there is none. */
export function findChromium(): { readonly path: string } | { readonly why: string } {
  const named = process.env['PILOTFISH_CHROMIUM'];
  const found = named ?? onPath();
  if (found !== undefined) return { path: found };
  if (process.env['CI'] !== 'true' || process.getuid?.() !== 0) {
    return { why: 'no chromium on PATH, and PILOTFISH_CHROMIUM names none; apt-get install chromium' };
  }
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
    const apt = (...args: string[]) =>
      execFileSync('apt-get', ['-q', '-y', ...args], { env, stdio: 'pipe', timeout: installMs });
    apt('update');
    apt('install', '--no-install-recommends', 'chromium');
  } catch (error) {
    return { why: `chromium could not be installed: ${error instanceof Error ? error.message : String(error)}` };
  }
  const installed = onPath();
  return installed === undefined ? { why: 'the package chromium brought no chromium' } : { path: installed };
}

function onPath(): string | undefined {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const name of names) {
      try {
        const path = join(folder, name);
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not there.
      }
    }
  }
  return undefined;
}

export async function openBrowser(path: string): Promise<Browser> {
  return await chromium.launch({ executablePath: path, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

export interface Dashboard {
  readonly url: string;
  [Symbol.asyncDispose](): Promise<void>;
}

/** `pilotfish dashboard` as a person runs it; `connection` is a token's file instead of the owner's. */
export async function openDashboard(pilot: TestPilot, connection?: string): Promise<Dashboard> {
  const args = [cliScript, 'dashboard', '--no-open', '--port', '0', '-o', 'json', '--pilot', connection ?? pilot.id];
  const options: SpawnOptions = {
    env: { ...process.env, PILOTFISH_HOME: pilot.home },
    stdio: ['ignore', 'pipe', 'inherit'],
  };
  const child = spawn(process.execPath, args, options);
  const exited = new Promise((resolve) => child.once('exit', resolve));
  if (!child.stdout) throw new Error('no stdout');
  const lines = createInterface({ input: child.stdout });
  for await (const line of lines) {
    const { url } = JSON.parse(line) as { url: string };
    return {
      url,
      async [Symbol.asyncDispose]() {
        child.kill('SIGINT');
        await exited;
      },
    };
  }
  throw new Error('pilotfish dashboard ended without an address');
}

/** What a page says is wrong: scripts that fail, and what its own policy has refused. */
export function pageErrors(page: Page): string[] {
  const errors: string[] = [];
  page.on('pageerror', (error) => errors.push(error.message));
  page.on('console', (message) => {
    // A line that is down shows as a failed request; that is what the page is for.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      errors.push(message.text());
  });
  return errors;
}

/** Where pictures of pages go, for people to look at; nowhere unless asked for. */
export async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env['PILOTFISH_PICTURES'];
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
}
