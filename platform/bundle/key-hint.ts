/** What to write instead of a key that a manifest does not know: the nearest one there, or where its name belongs. */
import { nearestName } from '#common';
import { validKeysAt } from './manifest-json-schema.ts';

export function keyHint(path: readonly PropertyKey[], key: string): string {
  const here = validKeysAt(path);
  // A function's keys at the top of the file: it looks for functions there.
  if (path.length === 0 && validKeysAt(['functions', 'name']).includes(key))
    return 'The keys of a function stand below its name: functions: { NAME: { entry: FILE } }.';
  const below = here.flatMap((group) => validKeysAt([...path, group]).map((name) => ({ group, name })));
  const near = nearestName(key, [...here, ...below.map(({ name }) => name)]);
  if (near === undefined) return `Known here: ${here.join(', ')}.`;
  const group = here.includes(near) ? undefined : below.find(({ name }) => name === near)?.group;
  return group === undefined ? `Did you mean "${near}"?` : `Did you mean "${near}" of "${group}"?`;
}
