/**
 * The shape of a JSON value: which keys, of which types, nothing of what it says. An object maps its keys to shapes (`key?`
 * where it may be missing or null), a list is `[shape of its elements]`, and `a | b` is either.
 */
export type Shape = string | readonly Shape[] | { readonly [key: string]: Shape };

/** Objects whose keys are data: names of functions, headers, settings. All their values have one shape, under `*`. */
export function shapeOf(value: unknown, isMap: (path: string) => boolean, path = ''): Shape {
  if (value === null) return 'null';
  if (Array.isArray(value)) {
    const elements = value.map((each) => shapeOf(each, isMap, `${path}[]`));
    return elements.length === 0 ? [] : [elements.reduce(merge)];
  }
  if (typeof value !== 'object') return typeof value;
  const entries = Object.entries(value);
  if (isMap(path)) {
    const values = entries.map(([, each]) => shapeOf(each, isMap, `${path}.*`));
    return values.length === 0 ? {} : { '*': values.reduce(merge) };
  }
  return Object.fromEntries(
    entries.map(([key, each]) => [
      each === null ? `${key}?` : key,
      shapeOf(each, isMap, path === '' ? key : `${path}.${key}`),
    ]),
  );
}

/** What both are instances of. An empty list or map says nothing of its elements. */
export function merge(one: Shape, other: Shape): Shape {
  if (isList(one) && isList(other)) {
    const [a, b] = [one[0], other[0]];
    return a === undefined ? other : b === undefined ? one : [merge(a, b)];
  }
  if (isObject(one) && isObject(other)) return mergeObjects(one, other);
  if (one === 'null' || other === 'null') return one === 'null' ? other : one;
  if (typeof one === 'string' && typeof other === 'string') {
    return [...new Set([...one.split(' | '), ...other.split(' | ')])].sort().join(' | ');
  }
  return 'any';
}

function mergeObjects(one: { readonly [key: string]: Shape }, other: { readonly [key: string]: Shape }): Shape {
  if ('*' in one || '*' in other) {
    const [a, b] = [one['*'], other['*']];
    return a === undefined ? other : b === undefined ? one : { '*': merge(a, b) };
  }
  const names = new Set([...Object.keys(one), ...Object.keys(other)].map((key) => key.replace(/\?$/, '')));
  return Object.fromEntries(
    [...names].map((name) => {
      const [a, b] = [one, other].map((object) => object[name] ?? object[`${name}?`]);
      const shape = a === undefined ? b : b === undefined ? a : merge(a, b);
      return [name in one && name in other ? name : `${name}?`, shape ?? 'null'];
    }),
  );
}

/** Why a value of shape `now` cannot be read by who was promised `kept`: what it lacks, and what has another type. */
export function differences(kept: Shape | undefined, now: Shape, path = ''): string[] {
  if (kept === undefined || kept === 'null' || now === 'null') return [];
  if (isList(kept) && isList(now)) {
    return kept[0] === undefined || now[0] === undefined ? [] : differences(kept[0], now[0], `${path}[]`);
  }
  if (isObject(kept) && isObject(now)) {
    return Object.entries(kept).flatMap(([key, shape]) => {
      const name = key.replace(/\?$/, '');
      const at = path === '' ? name : `${path}.${name}`;
      const there = now[name] ?? (key.endsWith('?') ? now[`${name}?`] : undefined);
      if (there !== undefined) return differences(shape, there, at);
      return key.endsWith('?') || key === '*' ? [] : [`${at} is missing, or may be`];
    });
  }
  if (typeof kept === 'string' && typeof now === 'string') {
    const strange = now.split(' | ').filter((type) => !kept.split(' | ').includes(type));
    return strange.length === 0 ? [] : [`${path} is ${strange.join(' or ')}, not ${kept}`];
  }
  return [`${path} is ${describe(now)}, not ${describe(kept)}`];
}

const describe = (shape: Shape) => (isList(shape) ? 'a list' : isObject(shape) ? 'an object' : shape);
const isList = (shape: Shape): shape is readonly Shape[] => Array.isArray(shape);
const isObject = (shape: Shape): shape is { readonly [key: string]: Shape } =>
  typeof shape === 'object' && !Array.isArray(shape);
