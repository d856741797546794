/** What the test of the command line's JSON judges by. */
import { expect, it } from 'vitest';
import { differences, merge, shapeOf } from '../harness/json-shape.ts';

const noMaps = () => false;
const shape = (value: unknown) => shapeOf(value, noMaps);

it('takes keys and types, and what elements of a list have in common', () => {
  expect(shape({ items: [{ a: 1 }, { a: 'x', b: null }] })).toEqual({
    items: [{ a: 'number | string', 'b?': 'null' }],
  });
  expect(shapeOf({ labels: { gpu: 'yes', rack: 'r1' } }, (path) => path === 'labels')).toEqual({
    labels: { '*': 'string' },
  });
});

it('lets keys come, and none go or change', () => {
  const kept = shape({ a: 1, b: { c: 'x' }, list: [] });
  expect(differences(kept, shape({ a: 2, b: { c: 'y', d: true }, list: [1], more: 0 }))).toEqual([]);
  expect(differences(kept, shape({ a: null, b: { c: 1 }, list: {} }))).toEqual([
    'a is missing, or may be',
    'b.c is number, not string',
    'list is an object, not a list',
  ]);
});

it('an optional key may be missing or null, and once there has its type', () => {
  const kept = merge(shape({ a: 1 }), shape({ a: null }));
  expect(kept).toEqual({ 'a?': 'number' });
  expect(differences(kept, shape({}))).toEqual([]);
  expect(differences(kept, shape({ a: null }))).toEqual([]);
  expect(differences(kept, shape({ a: 'x' }))).toEqual(['a is string, not number']);
});
