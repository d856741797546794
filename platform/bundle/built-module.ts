/** A WASM module as its toolchain has left it, with the source map beside it where there is one. */
import { existsSync, readFileSync } from 'node:fs';
import { PlatformError } from '#common';
import type { CompiledModule } from './assemblyscript.ts';

/** The map is NAME.wasm.map; empty where there is none. */
export function readBuiltModule(path: string): CompiledModule {
  const map = `${path}.map`;
  return { module: readFileSync(path), sourceMap: existsSync(map) ? readFileSync(map) : new Uint8Array(0) };
}

/** `path` is for the message. Throws `invalid` for what is no source map. */
export function readMap(bytes: Uint8Array, path: string): object {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8')) as object;
  } catch (cause) {
    throw new PlatformError('invalid', `${path} beside it is no source map: remove it, or build it again`, { cause });
  }
}
