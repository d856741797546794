/** Every example of every help text, run on a pilot as it stands there. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ExampleScene } from '../harness/example-scene.ts';
import { allExamples, elsewhere, isHere, runExample } from '../harness/examples.ts';

let scene: ExampleScene;
beforeAll(async () => {
  scene = await ExampleScene.create();
}, 120_000);
afterAll(async () => {
  await scene[Symbol.asyncDispose]();
});

const all = allExamples();

it.each(all.filter(isHere))('$line', async (example) => {
  const { line, code, stdout, stderr } = await runExample(scene, example);
  // 130: ended by our Ctrl-C.
  expect(code === 130 ? 0 : code, `${line}\n${stdout}\n${stderr}`).toBe(0);
});

it('every example is here or in a test that is named', () => {
  for (const [pattern] of elsewhere)
    expect(
      all.some(({ line }) => pattern.test(line)),
      String(pattern),
    ).toBe(true);
  expect(all.filter(isHere).length).toBeGreaterThan(100);
});
