/** Maps stacks of minified bundles back to the author's files, with the source map kept beside the artifact. */
import { SourceMap } from 'node:module';
import type { ArtifactStore } from '#broker';
import { moduleMapsField } from '#wasm-abi';

/** Frames of the instance host and of Node's queue of promises tell an author nothing; the host's name paths of the pilot. */
const hostFrame = /^\s+at .*(instance\.cjs:\d+|\(node:internal\/process\/task_queues:\d+)/;

/** Name and place in a bundle, as V8 writes them. */
const bundleFrame = /pilotfish-function:(\d+):(\d+)/;

/** A place in a module's bytes, and the name of a module that a bundle imports. Its map has places as columns of one line. */
const moduleFrame = /wasm:\/\/wasm\/(?:(.+)-)?[\da-f]+:wasm-function\[\d+\]:(0x[\da-f]+)/;

/** A frame of a function with a name that the minifier may have given: methods have theirs with a dot, and keep it. */
const namedFrame = /^(\s+at (?:async |new )?)([\w$]+)(?= \(pilotfish-function:\d+:\d+\))/;

/** What a place of a call begins with. */
const callPattern = /^(?:(?:new|await)\s+)*([\w$]+)\s*[(<]/;

/** True for a text in which a stack of a bundle stands. */
export function holdsStack(text: string): boolean {
  return bundleFrame.test(text) || moduleFrame.test(text);
}

type Payload = ConstructorParameters<typeof SourceMap>[0] & {
  readonly [moduleMapsField]?: Readonly<Record<string, ConstructorParameters<typeof SourceMap>[0]>>;
};

interface Maps {
  readonly own: SourceMap;
  /** Of modules that a bundle imports, by their names. */
  readonly modules: ReadonlyMap<string, SourceMap>;
}

/** Loaded once a function and only after its first error: a map is several times its bundle. */
export class StackMap {
  readonly #store: ArtifactStore;
  readonly #digest: string;
  readonly #isModule: boolean;
  #map: Promise<Maps | undefined> | undefined;

  /** `digest` names the map in the artifact store; empty when there is none. `isModule`: it is a map of a WASM module. */
  constructor(store: ArtifactStore, digest: string, isModule = false) {
    this.#store = store;
    this.#digest = digest;
    this.#isModule = isModule;
  }

  async #load(): Promise<Maps | undefined> {
    if (this.#digest === '') return undefined;
    try {
      const bytes = await this.#store.get(this.#digest);
      const { [moduleMapsField]: modules = {}, ...own } = JSON.parse(Buffer.from(bytes).toString('utf8')) as Payload;
      const named = Object.entries(modules).map(([name, map]) => [name, new SourceMap(map)] as const);
      return { own: new SourceMap(own), modules: new Map(named) };
    } catch {
      // Without its map the stack is shown as it is; the next error asks again.
      this.#map = undefined;
      return undefined;
    }
  }

  /** Frames of the bundle become file:line:column of the source; lines of the host itself are left out. */
  async map(stack: string): Promise<string> {
    if (stack === '') return '';
    // Stacks that come while the map is fetched wait for the same one.
    this.#map ??= this.#load();
    const maps = await this.#map;
    const lines = stack.split('\n').filter((line) => !hostFrame.test(line));
    if (!maps) return lines.join('\n');
    const { own, modules } = maps;
    if (this.#isModule) return lines.map((line) => placeInModule(own, line)).join('\n');
    return lines
      .map((line, at) => placeInImport(modules, place(own, named(own, line, lines[at + 1] ?? ''))))
      .join('\n');
  }
}

function place(map: SourceMap, line: string): string {
  return line.replace(bundleFrame, (whole, row, column) => originOf(map, Number(row), Number(column)) ?? whole);
}

function placeInModule(map: SourceMap, line: string): string {
  return line.replace(moduleFrame, (whole, _name, offset) => originOf(map, 1, Number(offset) + 1) ?? whole);
}

/** Without a map it is the module's name and the place in its bytes. */
function placeInImport(modules: ReadonlyMap<string, SourceMap>, line: string): string {
  const [, name, offset] = moduleFrame.exec(line) ?? [];
  if (name === undefined || offset === undefined) return line;
  const map = modules.get(name);
  const origin = (map && originOf(map, 1, Number(offset) + 1)) ?? `${name}:${offset}`;
  // V8 puts the module's name before each of its functions; the place says it.
  return line.replace(moduleFrame, () => origin).replace(` at ${name}.`, ' at ');
}

/** A map does not say whose body a place is in; but the next frame stands where that function was called, by its name. */
function named(map: SourceMap, line: string, caller: string): string {
  const [, row, column] = bundleFrame.exec(caller) ?? [];
  if (row === undefined || !namedFrame.test(line)) return line;
  const entry = map.findEntry(Number(row) - 1, Number(column) - 1);
  if (!('originalSource' in entry)) return line;
  const { sources, sourcesContent } = map.payload;
  const source = sourcesContent[sources.indexOf(entry.originalSource)] ?? '';
  const called = source.split('\n')[entry.originalLine]?.slice(entry.originalColumn);
  const name = callPattern.exec(called ?? '')?.[1];
  return name === undefined ? line : line.replace(namedFrame, (_whole, start) => `${start}${name}`);
}

function originOf(map: SourceMap, line: number, column: number): string | undefined {
  const origin = map.findOrigin(line, column);
  return 'fileName' in origin ? `${origin.fileName}:${origin.lineNumber}:${origin.columnNumber}` : undefined;
}
