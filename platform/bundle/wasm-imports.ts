/**
 * `import kernel from './kernel.wasm'` (or './kernel.as.ts', compiled on the way) in a TypeScript function: the module
 * travels as a file of its own beside the bundle, and the import gives a WebAssembly.Module. Inlined it would be a third
 * larger, and decoded at every start.
 */
import { join, relative, resolve, sep } from 'node:path';
import type { Plugin } from 'esbuild';
import { PlatformError } from '#common';
import { compileAssemblyScript, isAssemblyScript } from './assemblyscript.ts';
import { readBuiltModule, readMap } from './built-module.ts';
import { type BundledFile, bundledFile } from './bundled-file.ts';

const namespace = 'pilotfish-wasm';

export interface ImportedModules {
  /** By the path that the bundle asks for. */
  readonly files: Map<string, BundledFile>;
  /** Source maps, of those that have one. */
  readonly maps: Map<string, object>;
}

/** Collects the modules. */
export function wasmImports(folder: string, { files, maps }: ImportedModules): Plugin {
  return {
    name: namespace,
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /\.(wasm|as\.ts)$/ }, ({ path, resolveDir, kind }) => {
        if (kind === 'entry-point') return undefined;
        const absolute = path.startsWith('.') ? resolve(resolveDir, path) : join(folder, 'node_modules', path);
        return { path: relative(folder, absolute).split(sep).join('/'), namespace };
      });
      onLoad({ filter: /.*/, namespace }, async ({ path }) => {
        try {
          const source = resolve(folder, path);
          const { module, sourceMap } = isAssemblyScript(path)
            ? await compileAssemblyScript(source, folder)
            : readBuiltModule(source);
          // Below node_modules or a sister folder a path may lead upwards: on a node it is a name and no more.
          const name = `${path.replaceAll('../', 'up/')}${isAssemblyScript(path) ? '.wasm' : ''}`;
          if (!WebAssembly.validate(module)) throw new Error('it is not a WebAssembly module, or cut off');
          files.set(name, bundledFile(name, module));
          if (sourceMap.length > 0) maps.set(name, readMap(sourceMap, `${path}.map`));
          return { contents: `module.exports = pilotfishWasm(${JSON.stringify(name)});`, loader: 'js' };
        } catch (error) {
          return { errors: [{ text: `${path}: ${PlatformError.from(error).message}` }] };
        }
      });
    },
  };
}
