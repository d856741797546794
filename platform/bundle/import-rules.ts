/** What a function may import: an import that could only fail once it runs is refused when it is deployed, with its line. */
import { builtinModules } from 'node:module';
import type { Plugin } from 'esbuild';
import type { FunctionSpec } from '#proto';

/** Denied by Node's permission model, which every instance runs under. */
const forbidden: Readonly<Record<string, string>> = {
  child_process: 'instances may not start processes; use a function with a `command` for a foreign program',
  cluster: 'instances may not start processes',
  worker_threads: 'instances may not start threads; raise scale.max, or let the function have more instances',
  inspector: 'instances cannot be debugged from inside',
  'inspector/promises': 'instances cannot be debugged from inside',
  wasi: 'instances may not use it; `import kernel from "./kernel.wasm"` gives a WebAssembly.Module',
  repl: 'an instance has no terminal',
};

/** Of no use without `permissions: { net: true }`. */
const network = new Set(['net', 'tls', 'http', 'https', 'http2', 'dgram', 'dns', 'dns/promises']);

export function importRules(spec: FunctionSpec): Plugin {
  return {
    name: 'pilotfish-import-rules',
    setup({ onResolve }) {
      onResolve({ filter: /^(node:)?[a-z][a-z0-9_/]*$/ }, ({ path, importer }) => {
        const name = path.replace(/^node:/, '');
        if (!path.startsWith('node:') && !builtinModules.includes(name)) return undefined;
        const reason = Object.hasOwn(forbidden, name) ? forbidden[name] : undefined;
        if (reason !== undefined) return { errors: [{ text: `"${path}" cannot be imported: ${reason}` }] };
        // Libraries name these for what they may never do: what the function's own files import is meant.
        if (network.has(name) && spec.permissions?.net !== true && !importer.includes('node_modules')) {
          return {
            errors: [{ text: `"${path}" cannot be imported without permissions: { net: true } in the manifest` }],
          };
        }
        return { path, external: true };
      });
      onResolve({ filter: /\.node$/ }, ({ path }) => ({
        errors: [
          { text: `"${path}" is a native add-on, which instances may not load; use a function with a \`command\`` },
        ],
      }));
    },
  };
}
