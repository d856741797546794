/** All functions of a path as bundles, with what their author should know said on the way: for `deploy`, `build` and `diff`. */
import type { Bundle } from '#bundle';
import { PlatformError, untilAborted } from '#common';
import type { Output } from '../output/output.ts';
import { LoadCheck } from './load-check.ts';

/**
 * Throws `invalid` for the first function that cannot be bundled or is none, and for type errors where those are asked for; the signal's reason
 * at once.
 */
export async function bundleProject(
  path: string,
  output: Output,
  { skipTypes, signal }: { readonly skipTypes?: true; readonly signal: AbortSignal },
): Promise<Bundle[]> {
  const { bundleFunction, checkTypes, readProject } = await import('#bundle');
  const { functions, notes } = readProject(path);
  for (const note of notes) output.note(`note: ${note}`);
  await using loads = new LoadCheck(signal);
  if (functions.some(({ spec }) => spec.kind === 'typescript')) loads.prepare();
  const bundles: Bundle[] = [];
  for (const one of functions) {
    using _ = output.waiting(`bundling ${one.spec.name}`);
    bundles.push(await untilAborted(bundleFunction(one), signal));
  }
  for (const { warnings } of bundles) for (const warning of warnings) output.note(`warning: ${warning}`);
  const loaded = bundles.map((bundle, at) => ({ bundle, entry: functions[at]?.entry }));
  for (const note of await loads.requireFunctions(loaded)) output.note(`note: ${note}`);
  const [first] = functions;
  if (skipTypes || !first) return bundles;
  const entries = functions.flatMap(({ entry, spec }) => (entry && spec.kind === 'typescript' ? [entry] : []));
  using _ = output.waiting('looking for type errors', { blocks: true });
  const { errors, note } = checkTypes(entries, first.folder);
  if (note) output.note(`note: ${note}`);
  if (errors.length === 0) return bundles;
  throw new PlatformError('invalid', errors.join('\n'), { hint: '--skip-types leaves type errors unlooked for.' });
}
