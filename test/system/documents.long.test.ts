/**
 * Every command block of the README and of the pages in `docs/` and `functions/`, run as it stands. The guides have a test of
 * their own. A block or line that needs what is not here names the test that runs it there.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { dataExchangeFixture } from '../fixtures/data-exchange.ts';
import { blocksOf, pagesWithBlocks } from '../harness/document-blocks.ts';
import { DocumentScene, deployed, interrupted } from '../harness/document-scene.ts';

const runMs = 400_000;
let scene: DocumentScene;

beforeAll(() => {
  scene = DocumentScene.create();
  scene.file('scan.h5', dataExchangeFixture('plain'));
});
afterEach(() => scene.downAll());
afterAll(() => scene[Symbol.asyncDispose]());

/** Blocks and lines that need what is not here, and the tests that run them there. */
const elsewhere: readonly (readonly [page: string, text: RegExp, where: string])[] = [
  ['README.md', /^npm run demo\nnpm test\n/, 'demo; CI'],
  ['README.md', /^deploy\/install\.sh/, 'install'],
  ['README.md', /^pilotfish up --traces .*\n/m, 'docs/traces.md below'],
  ['README.md', /^pilotfish up --resource .*\n/m, 'scheduled-pilot'],
  ['README.md', /^pilotfish list --via .*\n/m, 'ssh'],
  ['docs/dashboard.md', /^pilotfish dashboard\n/, 'dashboard'],
  [
    'docs/mini-apps.md',
    /^pilotfish bench run functions\/studies\/paper\.yaml.*\n/m,
    'bench, with fewer cases: this takes hours',
  ],
  ['docs/schedulers.md', /slurm:\/\/|PILOTFISH_VIA/, 'contract/pilot-schedulers, node-scaling, ssh, renewal'],
];

const here = [
  'README.md',
  ...['calls', 'metrics', 'mini-apps', 'reconstruction', 'security', 'traces', 'triggers'].map(
    (name) => `docs/${name}.md`,
  ),
  'functions/README.md',
];

/** Without what is run elsewhere. */
function commandsOf(page: string): string[] {
  return blocksOf(page).map((block) =>
    elsewhere.reduce((left, [of, text]) => (of === page ? left.replace(text, '') : left), block),
  );
}

it('each block is run below, or in a test that is named', () => {
  const known = [...here, ...elsewhere.map(([page]) => page)];
  expect(pagesWithBlocks().filter((page) => !known.includes(page))).toEqual([]);
  for (const [page, text, where] of elsewhere)
    expect(
      blocksOf(page).some((block) => text.test(block)),
      `${page}, ${where}: ${text}`,
    ).toBe(true);
});

it(
  'README: the first function says hello',
  async () => {
    const [, first = ''] = commandsOf('README.md');
    const shown = await scene.run(first);
    expect(shown).toMatch(/hello Ada from n\d/);
    expect(shown.match(/hello number \d from n\d/g)).toHaveLength(3);
  },
  runMs,
);

it(
  'README: the list of commands, from top to bottom',
  async () => {
    const [, , list = ''] = commandsOf('README.md');
    const shown = await scene.run(interrupted(list, /^pilotfish (top|dashboard)\b[^\n#]*/gm));
    expect(shown).toMatch(/echoed\.\d+/);
    expect(shown).toMatch(/function,version,/);
  },
  runMs,
);

it(
  'calls, metrics, security, traces and triggers do what their pages say',
  async () => {
    const [traced = '', published = ''] = commandsOf('docs/traces.md');
    const [posted = '', paused = ''] = commandsOf('docs/triggers.md');
    const url = `$(pilotfish trigger list ended -o json | grep -o 'https://[^/"]*')`;
    const shown = await scene.run(
      traced,
      deployed('gridrec'),
      deployed('watch', 'on: [{ subject: "raw.*" }]'),
      deployed(
        'ended',
        'on: [{ http: { path: "/scans/*/end", answer: accepted, bodyMax: 64KiB } }], output: "ended.{1}"',
      ),
      'printf slice > slice.bin',
      ...['docs/calls.md', 'docs/metrics.md', 'docs/security.md'].flatMap(commandsOf),
      'cmp slice.bin out.bin',
      published,
      posted.replace('https://HOST:PORT', url),
      "pilotfish tail 'ended.*' --from all --count 1",
      paused,
      'curl --fail --silent --cacert prometheus/ca.pem --cert prometheus/cert.pem --key prometheus/key.pem' +
        ` "$(pilotfish pilot info -o json | grep -o '"http": "https://[^/"]*' | cut -d'"' -f4)/metrics" | grep -c '^pilotfish_'`,
      'pilotfish down',
    );
    expect(shown).toMatch(/CreateToken/);
    expect(shown).toMatch(/ended\.s7\t15 B\t.*frames/);
  },
  runMs,
);

it(
  'mini-apps: sources and studies',
  async () => {
    const [sources = '', studies = ''] = commandsOf('docs/mini-apps.md');
    scene.file('my-study.yaml', myStudy);
    const shown = await scene.run(
      'id=$(pilotfish up --nodes 2 --cores-per-node 4)',
      interrupted(sources, /^pilotfish source run .*--for 2m/gm),
      'ls detector',
      studies.replace('p-7e9j', '"$id"'),
      'pilotfish down',
    );
    expect(shown).toMatch(/synthetic/);
    expect(readdirSync(join(scene.folder, 'out/study'))).toEqual(
      expect.arrayContaining(['report.html', 'results.csv']),
    );
  },
  runMs,
);

it(
  'Python: a source, a reader, arrays, and a function',
  async (context) => {
    await scene.installPython().catch((error: unknown) => context.skip(`pip: ${String(error).split('\n')[0]}`));
    const [begin = '', rest = ''] = commandsOf('functions/README.md');
    const [send = '', read = ''] = blocksOf('functions/README.md', 'python');
    const [, slices = ''] = blocksOf('functions/README.md', 'text');
    const [arrays = ''] = blocksOf('docs/mini-apps.md', 'python');
    const [upper = ''] = blocksOf('docs/foreign-functions.md', 'python');
    const [manifest = ''] = blocksOf('docs/foreign-functions.md', 'yaml');
    for (const [name, text] of Object.entries({ 'send.py': send, 'read.py': read, 'arrays.py': arrays }))
      scene.file(name, text);
    scene.file('upper/upper.py', upper);
    scene.file('upper/pilotfish.yaml', manifest);
    const directory = `"$(dirname "$(pilotfish pilot info -o json | grep -o '"connectionFile": "[^"]*' | cut -d'"' -f4)")"`;
    const shown = await scene.run(
      begin,
      'pilotfish source run lightsource --set name=7 --set rows=16 --set columns=256',
      `sed -i s:DIRECTORY:${directory}: arrays.py`,
      'python3 arrays.py',
      'pilotfish deploy upper',
      'pilotfish invoke upper -d upper',
      interrupted(rest, /^python3 read\.py[^#\n]*/gm).replaceAll('DIRECTORY', directory),
    );
    expect(shown).toContain('UPPER');
    expect(shown).toMatch(/recon\.7\.\d+ \(256, 256\) 0/);
    // The last digits of the axis and the order of the slices are not promised.
    for (const line of slices.trim().split('\n')) expect(shown).toContain(line.slice(0, 38));
  },
  runMs,
);

it(
  'reconstruction: from a scan, and from a sinogram',
  async (context) => {
    await scene.installPython().catch((error: unknown) => context.skip(`pip: ${String(error).split('\n')[0]}`));
    const sinogram =
      "np.save('S.npy', np.ones((90, 2, 256), 'f4')); np.save('T.npy', np.linspace(0, np.pi, 90, False)); np.save('C.npy', np.full(2, 127.5))";
    const [offline = '', onPilot = ''] = commandsOf('docs/reconstruction.md');
    await scene.run(`python3 -c "import numpy as np; ${sinogram}"`, offline, 'pilotfish up', onPilot);
    expect(readdirSync(scene.folder)).toEqual(expect.arrayContaining(['R.npy', 'slices.npy']));
  },
  runMs,
);

/** One case of a few messages. */
const myStudy = `
name: mine
pilots: [{ nodes: 2, coresPerNode: 4 }]
experiments:
  - { name: source, source: synthetic, sizes: { 1 KB: { bytes: 1000 } }, messages: 100, warmUp: 0, repeats: 1 }
`;
