/** Compiles a function's bundle and checks what it exports. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { compileFunction } from 'node:vm';
import { PlatformError } from '#common';
import type { FunctionDefinition } from '#sdk';

/** Name of the bundle in stacks; the agent maps it back to the author's files. */
export const bundleName = 'pilotfish-function';

/** Throws `invalid` when the bundle exports no function definition, and whatever its top level throws. */
export function loadFunction(path: string): FunctionDefinition {
  const run = compileFunction(readFileSync(path, 'utf8'), ['module', 'exports', 'require'], { filename: bundleName });
  const module: { exports: unknown } = { exports: {} };
  run(module, module.exports, createRequire(path));
  const definition = defaultExport(module.exports);
  if (!isDefinition(definition)) {
    throw new PlatformError('invalid', 'the bundle has no default export with `handle` or `handleBatch`', {
      hint: 'export default defineFunction({ handle(event) { ... } })',
    });
  }
  return definition;
}

function defaultExport(exports: unknown): unknown {
  return typeof exports === 'object' && exports !== null && 'default' in exports ? exports.default : exports;
}

function isDefinition(value: unknown): value is FunctionDefinition {
  if (typeof value !== 'object' || value === null) return false;
  return ['handle', 'handleBatch'].some((name) => typeof (value as Record<string, unknown>)[name] === 'function');
}
