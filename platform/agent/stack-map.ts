/** Maps stacks of minified bundles back to the author's files, with the source map kept beside the artifact. */
import { SourceMap } from 'node:module';
import type { ArtifactStore } from '#broker';

/** Frames of the instance host itself tell an author nothing, and name paths of the pilot. */
const hostFrame = /^\s+at .*instance\.cjs:\d+/;

/** Loaded once a function and only after its first error: a map is several times its bundle. */
export class StackMap {
  readonly #store: ArtifactStore;
  readonly #digest: string;
  #map: SourceMap | undefined;
  #asked = false;

  /** `digest` names the map in the artifact store; empty when there is none. */
  constructor(store: ArtifactStore, digest: string) {
    this.#store = store;
    this.#digest = digest;
  }

  async #load(): Promise<void> {
    if (this.#asked || this.#digest === '') return;
    this.#asked = true;
    try {
      const bytes = await this.#store.get(this.#digest);
      this.#map = new SourceMap(JSON.parse(Buffer.from(bytes).toString('utf8')));
    } catch {
      // Without its map the stack is shown as it is; the next error asks again.
      this.#asked = false;
    }
  }

  /** Frames of the bundle become file:line:column of the source; lines of the host itself are left out. */
  async map(stack: string): Promise<string> {
    if (stack === '') return '';
    await this.#load();
    const map = this.#map;
    return stack
      .split('\n')
      .filter((line) => !hostFrame.test(line))
      .map((line) =>
        map
          ? line.replace(
              /pilotfish-function:(\d+):(\d+)/,
              (whole, row, column) => originOf(map, Number(row), Number(column)) ?? whole,
            )
          : line,
      )
      .join('\n');
  }
}

function originOf(map: SourceMap, line: number, column: number): string | undefined {
  const origin = map.findOrigin(line, column);
  return 'fileName' in origin ? `${origin.fileName}:${origin.lineNumber}:${origin.columnNumber}` : undefined;
}
