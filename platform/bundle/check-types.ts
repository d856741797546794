/**
 * Type errors of a function's files, as tsc would tell them: esbuild only strips types. Takes a second or two, so it is
 * asked for by name, and `deploy` can be told to leave it out.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type ts from 'typescript';

export interface TypeCheck {
  /** "FILE:LINE:COLUMN: text" with the line below it. */
  readonly errors: readonly string[];
  /** Why nothing was checked, where that is so. */
  readonly note: string;
}

/** The first few errors help; the rest mostly follow from them. */
const errorsShownMax = 10;

/** What a function may import and tsc knows nothing of: modules, which become a WebAssembly.Module, and texts. */
const ambient = `declare module '*.wasm' { const module: WebAssembly.Module; export default module; }
declare module '*.as.ts' { const module: WebAssembly.Module; export default module; }
declare module '*.txt' { const text: string; export default text; }
`;
const ambientFile = 'pilotfish-modules.d.ts';

/** `entries` are absolute and lie in `folder`; JavaScript is left alone. */
export function checkTypes(entries: readonly string[], folder: string): TypeCheck {
  const files = entries.filter((entry) => entry.endsWith('.ts') && !entry.endsWith('.as.ts'));
  if (files.length === 0) return { errors: [], note: '' };
  const compiler = loadCompiler(folder);
  if (!compiler)
    return { errors: [], note: 'types are not checked: there is no typescript beside the function or pilotfish' };
  const options = optionsFor(compiler, folder);
  const ambientPath = join(folder, ambientFile);
  const host = hostFor(compiler, options, ambientPath);
  // Node's types lack WebAssembly.
  const webAssembly = join(sdkFolder(), 'testing/webassembly.d.ts');
  const program = compiler.createProgram([...files, ambientPath, webAssembly], options, host);
  const diagnostics = compiler
    .getPreEmitDiagnostics(program)
    .filter(({ file }) => !file?.fileName.includes('node_modules'));
  const shown = diagnostics.slice(0, errorsShownMax).map((each) => describe(compiler, each, folder));
  if (diagnostics.length > errorsShownMax) shown.push(`... and ${diagnostics.length - errorsShownMax} more`);
  return { errors: shown, note: '' };
}

/** The project's own compiler first: its author's editor uses the same. */
function loadCompiler(folder: string): typeof ts | undefined {
  for (const from of [join(folder, 'package.json'), fileURLToPath(import.meta.url)]) {
    try {
      return createRequire(from)('typescript') as typeof ts;
    } catch {
      // Not there: the next place.
    }
  }
  return undefined;
}

/** A strict default, and over it what the project's tsconfig.json says. */
function optionsFor(compiler: typeof ts, folder: string): ts.CompilerOptions {
  const sdk = sdkFolder();
  const config = compiler.findConfigFile(folder, compiler.sys.fileExists);
  const own = config
    ? compiler.parseJsonConfigFileContent(readConfig(compiler, config), compiler.sys, dirname(config))
    : undefined;
  const { tsBuildInfoFile: _, ...ownOptions } = own?.options ?? {};
  return {
    strict: true,
    target: compiler.ScriptTarget.ES2024,
    lib: ['lib.esnext.d.ts'],
    module: compiler.ModuleKind.ESNext,
    moduleResolution: compiler.ModuleResolutionKind.Bundler,
    skipLibCheck: true,
    ...ownOptions,
    allowImportingTsExtensions: true,
    noEmit: true,
    incremental: false,
    composite: false,
    ...typesOf(folder),
    paths: {
      ...own?.options.paths,
      'pilotfish/sdk': [join(sdk, 'index.ts')],
      'pilotfish/testing': [join(sdk, 'testing/index.ts')],
    },
  };
}

function readConfig(compiler: typeof ts, path: string): unknown {
  const { config } = compiler.readConfigFile(path, compiler.sys.readFile) as { config?: unknown };
  return config ?? {};
}

/** Built, the sources of the SDK lie beside the program. */
function sdkFolder(): string {
  const built = fileURLToPath(new URL('./sdk', import.meta.url));
  return existsSync(join(built, 'index.ts')) ? built : fileURLToPath(new URL('../sdk', import.meta.url));
}

/** Node's types of the project, or else ours: a function that uses Buffer is no error. */
function typesOf(folder: string): ts.CompilerOptions {
  for (const from of [join(folder, 'package.json'), fileURLToPath(import.meta.url)]) {
    try {
      const types = dirname(createRequire(from).resolve('@types/node/package.json'));
      return { types: ['node'], typeRoots: [dirname(types)] };
    } catch {
      // Not there: the next place.
    }
  }
  return { types: [] };
}

function hostFor(compiler: typeof ts, options: ts.CompilerOptions, ambientPath: string): ts.CompilerHost {
  const host = compiler.createCompilerHost(options);
  const { fileExists, readFile, getSourceFile } = host;
  host.fileExists = (path) => path === ambientPath || fileExists(path);
  host.readFile = (path) => (path === ambientPath ? ambient : readFile(path));
  host.getSourceFile = (path, ...rest) =>
    path === ambientPath
      ? compiler.createSourceFile(path, ambient, compiler.ScriptTarget.ES2024)
      : getSourceFile(path, ...rest);
  host.resolveModuleNameLiterals = (literals, containing, redirected, resolved) =>
    literals.map(({ text }) =>
      // AssemblyScript looks like TypeScript and has other types: the ambient module stands for it.
      /\.(as\.ts|wasm)$/.test(text)
        ? { resolvedModule: undefined }
        : compiler.resolveModuleName(text, containing, resolved, host, undefined, redirected),
    );
  return host;
}

function describe(compiler: typeof ts, diagnostic: ts.Diagnostic, folder: string): string {
  const text = compiler.flattenDiagnosticMessageText(diagnostic.messageText, '\n');
  const { file, start = 0, length = 1 } = diagnostic;
  if (!file) return text;
  const { line, character } = file.getLineAndCharacterOfPosition(start);
  const source = file.text.split('\n')[line] ?? '';
  const number = String(line + 1);
  const mark = ' '.repeat(character) + '^'.repeat(Math.max(1, Math.min(length, source.length - character)));
  return `${relative(folder, file.fileName)}:${number}:${character + 1}: ${text}\n  ${number} | ${source}\n  ${' '.repeat(number.length)} | ${mark}`;
}
