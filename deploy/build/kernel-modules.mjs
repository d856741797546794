// AssemblyScript in our own bundles: `import kernel from './kernel.as.ts'` gives a WebAssembly.Module whose bytes are in the bundle.
// (In a function's bundle the module is a file of its own: platform/bundle/wasm-imports.ts.)
import { readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';

export function kernelModulesPlugin(root) {
  const flags = JSON.parse(readFileSync(join(root, 'platform/bundle/assemblyscript-flags.json'), 'utf8'));
  return {
    name: 'kernel-modules',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /\.as\.ts$/ }, ({ path, resolveDir }) => ({
        path: resolve(resolveDir, path),
        namespace: 'kernel-modules',
      }));
      onLoad({ filter: /.*/, namespace: 'kernel-modules' }, async ({ path }) => {
        const { bytes, messages } = await compile(relative(root, path), root, flags);
        if (!bytes) return { errors: [{ text: messages }] };
        const base64 = Buffer.from(bytes).toString('base64');
        return { contents: `export default new WebAssembly.Module(Buffer.from('${base64}', 'base64'));`, loader: 'js' };
      });
    },
  };
}

async function compile(entry, root, flags) {
  const { main } = await import('assemblyscript/asc');
  let bytes;
  let messages = '';
  await main([entry, '--baseDir', root, '--outFile', 'kernel.wasm', '--noColors', ...flags], {
    writeFile: (_name, contents) => {
      bytes = contents;
    },
    stderr: {
      write: (text) => {
        messages += text;
      },
    },
  });
  return { bytes, messages };
}
