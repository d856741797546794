/** What a deployment by hand may name: names become subjects, keys and paths. */
import { describe, expect, it } from 'vitest';
import { parseManifest, sha256Hex } from '#bundle';
import { DeployRequest, type FunctionSpec, Trigger } from '#proto';
import { checkSpec } from '../../platform/gateway/versions/check-spec.ts';
import { receiveDeployment } from '../../platform/gateway/versions/receive-deployment.ts';
import { fc } from '../harness/properties.ts';

const good = () => {
  const text =
    'functions:\n  f:\n    entry: f.ts\n    on: [{ subject: "a.*" }]\n    output: "b.{1}"\n    secrets: [KEY]\n    config: { a: 1 }\n';
  const [parsed] = parseManifest(text, 'pilotfish.yaml');
  if (!parsed) throw new Error('no function');
  return parsed.spec;
};
const artifact = Buffer.from('module.exports = {}');

async function* deployment(spec: FunctionSpec, paths: readonly string[]): AsyncGenerator<DeployRequest> {
  const files = paths.map((path) => ({ path, digest: sha256Hex(Buffer.alloc(0)), bytes: 0 }));
  const header = { spec, artifactDigest: sha256Hex(artifact), files, canary: undefined };
  yield DeployRequest.fromPartial({ part: { $case: 'header', header } });
  yield DeployRequest.fromPartial({ part: { $case: 'artifactChunk', artifactChunk: artifact } });
}
const deploy = (spec: FunctionSpec, paths: readonly string[] = []) =>
  receiveDeployment(deployment(spec, paths), () => undefined);

it('takes what a manifest says', async () => {
  expect(() => checkSpec(good())).not.toThrow();
  await expect(deploy(good(), ['a.bin', 'kernels/b.wasm'])).resolves.toMatchObject({ spec: { name: 'f' } });
});

it.each([
  ['nothing at all', []],
  ['a piece before its header', [1, 0]],
  ['a second header', [0, 0, 1]],
])('takes no deployment that is %s, and keeps none of it', async (_what, turns) => {
  const parts = await Array.fromAsync(deployment(good(), []));
  async function* sent(): AsyncGenerator<DeployRequest> {
    for (const turn of turns) yield parts[turn] ?? DeployRequest.fromPartial({});
    // Whoever was refused is not listened to any more.
    if (turns.length > 0) throw new Error('it is still read');
  }
  await expect(receiveDeployment(sent(), () => undefined)).rejects.toMatchObject({ code: 'usage' });
});

describe('names that would reach further', () => {
  it.each(['*', '>', 'a.b', '../a', 'a/b', '', 'A', '__proto__', 'a\nb', 'a'.repeat(64)])(
    '%j is no function',
    async (name) => {
      await expect(deploy({ ...good(), name })).rejects.toMatchObject({ code: expect.stringMatching(/invalid|usage/) });
    },
  );

  it.each(['*', '>', 'a.b', 'On', ''])('%j is no trigger', async (name) => {
    const { triggers, ...rest } = good();
    await expect(deploy({ ...rest, triggers: triggers.map((trigger) => ({ ...trigger, name })) })).rejects.toThrow(
      /trigger/,
    );
  });

  it.each([
    { configJson: '{' },
    { configJson: `"${'x'.repeat(70_000)}"` },
    { secrets: ['../KEY'] },
    { kind: 'shell' },
    { output: 'a b' },
    { triggers: [Trigger.fromPartial({ name: 'on0', subject: 'a', http: { path: '/ui/api/Invoke' } })] },
    { triggers: [Trigger.fromPartial({ name: 'on0', subject: 'a', http: { path: '/metrics' } })] },
    { triggers: [Trigger.fromPartial({ name: 'on0', subject: 'a', http: { path: '/' } })] },
    { triggers: [Trigger.fromPartial({ name: 'on0', subject: 'a', http: { path: '/a/../ui' } })] },
  ])('%j is refused', async (changed) => {
    await expect(deploy({ ...good(), ...changed })).rejects.toMatchObject({ code: 'invalid' });
  });

  it('a trigger there are too many of, or twice', () => {
    const { triggers, ...rest } = good();
    const [trigger] = triggers;
    if (!trigger) throw new Error('no trigger');
    expect(() => checkSpec({ ...rest, triggers: [trigger, trigger] })).toThrow(/twice/);
    const many = Array.from({ length: 17 }, (_, at) => ({ ...trigger, name: `on${at}` }));
    expect(() => checkSpec({ ...rest, triggers: many })).toThrow(/17 triggers/);
  });

  it('paths of files stay below the folder', async () => {
    const odd = [
      '..',
      '../a',
      'a/../../b',
      '/etc/passwd',
      'a//b',
      './a',
      'a/.',
      'a\\b',
      'a\u0000b',
      '',
      'a\nb',
      'x'.repeat(256),
    ];
    for (const path of odd) await expect(deploy(good(), [path]), path).rejects.toMatchObject({ code: 'invalid' });
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: fc.constantFrom('.', '/', 'a', '\\', ' ', '~', '%') }), async (path) => {
        const taken = await deploy(good(), [path]).then(
          () => true,
          () => false,
        );
        if (taken) expect(`/${path}/`).not.toMatch(/\/\.{0,2}\/|\\/);
      }),
    );
  });
});
