/**
 * What commands give to programs: the shapes of `pilotfish/v1`, kept in docs/reference/json.json. Adding a key is a change
 * of that file (`npm test -- cli-json -u`); taking one away, renaming it or giving it another type needs a new version.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ExampleScene } from '../harness/example-scene.ts';
import { allExamples, type Example, goesOn, isHere, runExample } from '../harness/examples.ts';
import { differences, merge, type Shape, shapeOf } from '../harness/json-shape.ts';

const file = join(import.meta.dirname, '../../docs/reference/json.json');
const kept = JSON.parse(readFileSync(file, 'utf8')) as Record<string, Shape>;
const found: Record<string, Shape> = {};

/** Objects with names as keys, at these places of a command's output. */
const maps = /(^|\.)(headers|labels|config|settings|files)$/;

/** Takes seconds of the compiler or of a study, and has the shape of another: their own tests read it. */
const leftOut = /^(dev|bench|build|init|completion)/;

let scene: ExampleScene;
beforeAll(async () => {
  scene = await ExampleScene.create();
}, 120_000);
afterAll(async () => {
  await scene[Symbol.asyncDispose]();
});

/** One example a command, asked for JSON. */
const examples = new Map<string, Example>();
for (const example of allExamples()
  .filter(isHere)
  .sort((one, other) => Number(goesOn(one)) - Number(goesOn(other)))) {
  if (!example.hasOutput || leftOut.test(example.command) || examples.has(example.command)) continue;
  const line = example.line.replace(/ [|>].*| -o \w+/g, '');
  examples.set(example.command, { ...example, line: `${line} -o json` });
}

it.each([...examples.values()])('$command gives the keys and types of pilotfish/v1', async (example) => {
  const { line, code, stdout, stderr } = await runExample(scene, example);
  expect(code === 130 ? 0 : code, `${line}\n${stdout}\n${stderr}`).toBe(0);
  const shape = documentsOf(stdout)
    .map((each) => shapeOf(each, (path) => maps.test(path)))
    .reduce(merge);
  found[example.command] = merge(kept[example.command] ?? shape, shape);
  expect(shape).toHaveProperty('apiVersion');
  expect(differences(kept[example.command], shape)).toEqual([]);
});

/** One document over several lines, or one on each line. */
function documentsOf(text: string): unknown[] {
  try {
    return [JSON.parse(text)];
  } catch {
    return text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  }
}

it('errors have one shape', async () => {
  const { stderr } = await scene.pilot.cli(['get', 'nosuch', '-o', 'json']);
  const shape = shapeOf(JSON.parse(stderr), () => false);
  found['(error)'] = shape;
  expect(differences(kept['(error)'], shape)).toEqual([]);
});

it('docs/reference/json.json says all of it', async () => {
  const all = Object.entries({ ...kept, ...found }).sort(([one], [other]) => (one < other ? -1 : 1));
  await expect(`${JSON.stringify(Object.fromEntries(all), null, 2)}\n`).toMatchFileSnapshot(file);
});
