/** Maps stacks of minified bundles back to the author's files, with the source map kept beside the artifact. */
import { SourceMap } from 'node:module';
import type { ArtifactStore } from '#broker';

/** Frames of the instance host itself tell an author nothing, and name paths of the pilot. */
const hostFrame = /^\s+at .*instance\.cjs:\d+/;

/** Name and place in a bundle, as V8 writes them. */
const bundleFrame = /pilotfish-function:(\d+):(\d+)/;

/** True for a text in which a stack of a bundle stands. */
export function holdsStack(text: string): boolean {
  return bundleFrame.test(text);
}

/** Loaded once a function and only after its first error: a map is several times its bundle. */
export class StackMap {
  readonly #store: ArtifactStore;
  readonly #digest: string;
  #map: Promise<SourceMap | undefined> | undefined;

  /** `digest` names the map in the artifact store; empty when there is none. */
  constructor(store: ArtifactStore, digest: string) {
    this.#store = store;
    this.#digest = digest;
  }

  async #load(): Promise<SourceMap | undefined> {
    if (this.#digest === '') return undefined;
    try {
      const bytes = await this.#store.get(this.#digest);
      return new SourceMap(JSON.parse(Buffer.from(bytes).toString('utf8')));
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
    const map = await this.#map;
    return stack
      .split('\n')
      .filter((line) => !hostFrame.test(line))
      .map((line) =>
        map
          ? line.replace(bundleFrame, (whole, row, column) => originOf(map, Number(row), Number(column)) ?? whole)
          : line,
      )
      .join('\n');
  }
}

function originOf(map: SourceMap, line: number, column: number): string | undefined {
  const origin = map.findOrigin(line, column);
  return 'fileName' in origin ? `${origin.fileName}:${origin.lineNumber}:${origin.columnNumber}` : undefined;
}
