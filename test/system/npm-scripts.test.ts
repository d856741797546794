/** The commands of package.json: stdout belongs to the program that was asked for, and its exit code passes through. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const projectRoot = join(import.meta.dirname, '../..');

function npm(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync('npm', args, { cwd: projectRoot, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

describe('npm scripts', () => {
  it('`npm run --silent pilotfish` is the command line: clean stdout, its own exit code', () => {
    const version = npm('run', '--silent', 'pilotfish', '--', 'version');
    expect(version.status).toBe(0);
    expect(version.stdout).toMatch(/0\.1\.0/);
    expect(version.stdout).not.toContain('set-up');
    const wrong = npm('run', '--silent', 'pilotfish', '--', 'no-such-command');
    expect(wrong.status).toBe(2);
    expect(wrong.stdout).toBe('');
  });

  it('`npm run setup` says on stderr what it did, and nothing on stdout', () => {
    const setup = npm('run', '--silent', 'setup');
    expect(setup.status).toBe(0);
    expect(setup.stdout).toBe('');
    expect(setup.stderr).toMatch(/set-up: (?:everything is fresh|done) /);
  });

  it('run the program by dist/node, never by a `node` that the shell remembers from the set-up', () => {
    const { scripts } = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const afterSetup = Object.values(scripts).filter((script) => script.includes('&&'));
    expect(afterSetup.length).toBeGreaterThan(5);
    for (const script of afterSetup) expect(script).toMatch(/^node deploy\/setup\.mjs[\w ,-]* && exec dist\/node /);
  });
});
