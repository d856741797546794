/** Which functions a function's results trigger, as far as the manifests say. */
import { patternsOverlap, templatePattern } from '#model';
import type { FunctionSpec } from '#proto';

/** Name -> names of the functions below it. */
export function downstreamOf(specs: readonly FunctionSpec[]): Map<string, readonly string[]> {
  const below = new Map<string, readonly string[]>();
  for (const { name, output } of specs) {
    if (output === '') continue;
    const pattern = templatePattern(output);
    const hit = specs.filter(
      (other) => other.name !== name && other.triggers.some(({ subject }) => patternsOverlap(pattern, subject)),
    );
    if (hit.length > 0)
      below.set(
        name,
        hit.map((other) => other.name),
      );
  }
  return below;
}
