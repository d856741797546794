// The SIMD kernels for tests and benchmarks, compiled as a deployment compiles them, and kept in .cache/ until their sources change.
import { createHash } from 'node:crypto';
import { globSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { compileAssemblyScript } from '../../platform/bundle/assemblyscript.ts';

const root = resolve(import.meta.dirname, '../..');
const folder = join(root, 'functions/kernels');

const sources = {
  gridrec: 'gridrec/gridrec.as.ts',
  iterative: 'iterative/siddon.as.ts',
  fbp: 'fbp/fbp.as.ts',
  kmeans: 'kmeans/sums.as.ts',
  lines: 'scan/flat-field.as.ts',
  rings: 'rings/rings.as.ts',
  peaks: 'peaks/peaks.as.ts',
} as const;

export async function loadKernel(name: keyof typeof sources): Promise<WebAssembly.Module> {
  const cached = join(root, '.cache/kernels', `${name}-${digest()}.wasm`);
  let bytes: Uint8Array<ArrayBuffer>;
  try {
    bytes = new Uint8Array(readFileSync(cached));
  } catch {
    // Not compiled yet.
    bytes = new Uint8Array((await compileAssemblyScript(join(folder, sources[name]), folder)).module);
    mkdirSync(join(root, '.cache/kernels'), { recursive: true });
    writeFileSync(`${cached}.${process.pid}`, bytes);
    renameSync(`${cached}.${process.pid}`, cached);
  }
  return new WebAssembly.Module(bytes);
}

function digest(): string {
  const hash = createHash('sha256');
  for (const path of globSync('**/*.as.ts', { cwd: folder }).sort()) hash.update(readFileSync(join(folder, path)));
  hash.update(readFileSync(join(root, 'platform/bundle/assemblyscript-flags.json')));
  return hash.digest('hex').slice(0, 16);
}
