// The floors: imports point downward only, and between folders of platform/ only through a folder's index.ts.
// test/architecture/floors.test.ts plants a violation of each rule and demands that it is reported.

/** Top to bottom; a folder may import its own floor (but see `processes-apart`) and those below it. */
const floors = [
  ['bin'],
  ['cli'],
  ['gateway', 'agent', 'instance', 'spawner', 'launcher', 'dashboard'],
  ['client', 'registry', 'routing', 'autoscaler', 'placement', 'access'],
  [
    'broker',
    'claims',
    'packs',
    'pilot',
    'bundle',
    'rpc',
    'security',
    'telemetry',
    'tracing',
    'frames',
    'isolation',
    'wasm-abi',
  ],
  ['model'],
  ['common', 'sdk'],
];
const processes = floors[2];

const inFolders = (folders) => `^platform/(?:${folders.join('|')})/`;

const upward = floors.slice(1).map((floor, index) => ({
  name: `floor-${floor[0]}`,
  comment: `${floor.join(', ')} may not import from a floor above.`,
  severity: 'error',
  from: { path: inFolders(floor) },
  to: { path: inFolders(floors.slice(0, index + 1).flat()) },
}));

module.exports = {
  forbidden: [
    ...upward,
    {
      name: 'processes-apart',
      comment: 'Processes meet in proto/ and on the stream; they never import each other.',
      severity: 'error',
      from: { path: `^platform/(${processes.join('|')})/` },
      to: { path: inFolders(processes), pathNot: '^platform/$1/' },
    },
    {
      name: 'doors-only',
      comment: 'Another folder of platform/ is entered through its index.ts (the #doors of package.json).',
      severity: 'error',
      from: { path: '^platform/([^/]+)/' },
      to: { path: '^platform/[^/]+/.+', pathNot: ['^platform/$1/', '^platform/[^/]+/index\\.ts$'] },
    },
    {
      name: 'known-folders',
      comment: 'A new folder of platform/ needs a floor in this file.',
      severity: 'error',
      from: { path: '^platform/[^/]+/', pathNot: inFolders(floors.flat()) },
      to: {},
    },
    {
      name: 'proto-is-the-ground',
      comment: 'proto/ imports nothing of ours.',
      severity: 'error',
      from: { path: '^proto/' },
      to: { path: '^(?:platform|functions|test|deploy)/' },
    },
    {
      name: 'functions-see-the-sdk',
      comment: 'A function imports pilotfish/sdk and its own files; a source may also use pilotfish/client.',
      severity: 'error',
      from: { path: '^functions/' },
      to: { path: '^(?:platform|proto|test|deploy)/', pathNot: '^platform/(?:sdk|client)/index\\.ts$' },
    },
    {
      name: 'nothing-imports-tests',
      comment: 'What ships does not depend on tests or on set-up.',
      severity: 'error',
      from: { path: '^(?:platform|proto|functions)/' },
      to: { path: '^(?:test|deploy)/' },
    },
    {
      name: 'decisions-are-pure',
      comment: 'A decision takes a snapshot and returns numbers; it reaches for no file, socket or process.',
      severity: 'error',
      from: { path: '^platform/(?:routing|autoscaler|placement|access)/' },
      to: { path: '^(?:node:)?(?:fs|net|tls|http|https|http2|child_process|worker_threads)(?:/|$)' },
    },
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one file, or need a third one below them.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-cycles-of-folders',
      comment: 'Two folders that need each other are one, or a file stands in the wrong one.',
      severity: 'error',
      scope: 'folder',
      from: { path: '^(?:platform|functions)/' },
      to: { circular: true },
    },
    {
      name: 'resolvable',
      comment: 'An import that leads nowhere.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(?:dist|\\.cache)/' },
    // Type imports count: a type is a dependency on the folder that owns it.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
      extensions: ['.ts', '.mjs', '.js', '.cjs', '.json'],
    },
  },
};
