/** The floors hold in this project, and each rule is shown to work by planting what it forbids in a small model of it. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Cruise, cruise, projectRoot } from './cruise.ts';

// Fewer means that the tool did not follow the tree (TypeScript 7 made it see none and report success).
const modulesMin = 40;

/** Every rule with a file that breaks it. */
const planted: readonly (readonly [rule: string, file: string, code: string])[] = [
  ['floor-cli', 'platform/cli/to-bin.ts', "import '../bin/index.ts';"],
  ['floor-gateway', 'platform/agent/to-cli.ts', "import '#cli';"],
  ['floor-client', 'platform/routing/to-gateway.ts', "import '#gateway';"],
  ['floor-broker', 'platform/rpc/to-registry.ts', "import '#registry';"],
  ['floor-model', 'platform/model/to-security.ts', "import '#security';"],
  [
    'floor-common',
    'platform/common/to-model.ts',
    "import type { door } from '#model'; export type Door = typeof door;",
  ],
  ['processes-apart', 'platform/agent/to-gateway.ts', "import '#gateway';"],
  ['doors-only', 'platform/agent/to-inner.ts', "import '../broker/nats/inner.ts';"],
  ['known-folders', 'platform/attic/to-common.ts', "import '#common';"],
  ['proto-is-the-ground', 'proto/to-common.ts', "import '#common';"],
  ['functions-see-the-sdk', 'functions/echo/to-common.ts', "import '../../platform/common/index.ts';"],
  ['nothing-imports-tests', 'platform/agent/to-test.ts', "import '../../test/harness.ts';"],
  ['decisions-are-pure', 'platform/placement/to-files.ts', "import 'node:fs';"],
  ['no-cycles', 'platform/agent/cycle.ts', "import './cycle.twin.ts';"],
  ['no-cycles-of-folders', 'platform/agent/left/to-right.ts', "import '../right/right.ts';"],
  ['resolvable', 'platform/agent/to-nowhere.ts', "import './nowhere.ts';"],
];

function write(root: string, path: string, code: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), `${code}\n`);
}

/** One door a folder, and nothing that breaks a floor. */
function createModel(): string {
  const root = mkdtempSync(join(tmpdir(), 'pilotfish-floors-'));
  for (const name of ['package.json', 'tsconfig.json', '.dependency-cruiser.cjs']) {
    cpSync(join(projectRoot, name), join(root, name));
  }
  symlinkSync(join(projectRoot, 'node_modules'), join(root, 'node_modules'));
  const { imports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    imports: Record<string, string>;
  };
  for (const path of [...Object.values(imports), 'platform/bin/index.ts']) write(root, path, 'export const door = 1;');
  write(root, 'platform/broker/nats/inner.ts', 'export const inner = 1;');
  write(root, 'platform/agent/cycle.twin.ts', "import './cycle.ts';");
  write(root, 'platform/agent/cycle.ts', 'export const cycle = 1;');
  write(root, 'platform/agent/right/right.ts', "import '../left/left.ts';");
  write(root, 'platform/agent/left/left.ts', 'export const left = 1;');
  write(root, 'functions/echo/echo.ts', "import '../../platform/sdk/index.ts';");
  write(root, 'test/harness.ts', 'export const harness = 1;');
  return root;
}

describe('floors of this project', () => {
  it('hold, and the whole tree was seen', async () => {
    const { modules, violations } = await cruise(projectRoot);
    expect(violations).toEqual([]);
    expect(modules.length).toBeGreaterThanOrEqual(modulesMin);
    // Doors are followed: a tree whose #doors do not resolve would hold every floor.
    expect(modules).toContain('platform/common/index.ts');
    expect(modules).toContain('proto/generated/pilotfish/v1/common.ts');
  });

  it('report a violation planted in a copy of it', async () => {
    const root = mkdtempSync(join(tmpdir(), 'pilotfish-floors-copy-'));
    try {
      for (const name of [
        'package.json',
        'tsconfig.json',
        '.dependency-cruiser.cjs',
        'platform',
        'proto',
        'functions',
      ]) {
        cpSync(join(projectRoot, name), join(root, name), { recursive: true });
      }
      symlinkSync(join(projectRoot, 'node_modules'), join(root, 'node_modules'));
      write(root, 'platform/common/canary.ts', "import { streams } from '#broker'; export const canary = streams;");
      const { violations } = await cruise(root);
      expect(violations).toContain('floor-common: platform/common/canary.ts -> platform/broker/index.ts');
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  });
});

describe('floors of a small model', () => {
  let root = '';
  let before: Cruise;
  let after: Cruise;
  beforeAll(async () => {
    root = createModel();
    before = await cruise(root);
    for (const [, file, code] of planted) write(root, file, code);
    after = await cruise(root);
  });
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  it('hold before anything is planted', () => {
    expect(before.violations).toEqual([]);
    expect(before.modules.length).toBeGreaterThan(20);
  });

  it.each(planted)('%s reports %s', (rule, file) => {
    // A cycle is reported from whichever of its files comes first.
    const places = [file.replace('.ts', '.'), `${dirname(file)} ->`];
    const found = after.violations.filter((violation) => places.some((at) => violation.startsWith(`${rule}: ${at}`)));
    expect(found).toHaveLength(1);
  });

  it('has a canary for every rule', () => {
    const config = readFileSync(join(projectRoot, '.dependency-cruiser.cjs'), 'utf8');
    const named = [...config.matchAll(/^ {6}name: '([a-z-]+)'/gm)].map((match) => match[1]);
    expect(named.length).toBeGreaterThan(5);
    expect(planted.map(([rule]) => rule)).toEqual(expect.arrayContaining(named));
  });
});
