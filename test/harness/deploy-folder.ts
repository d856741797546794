/** Deploys a function's folder with a test's own `config`. */
import { bundleFunction, readProject } from '#bundle';
import { eventually } from './eventually.ts';
import type { TestPilot } from './pilot.ts';

/** As the folder's manifest says, but for the given parts of `config`. */
export async function deployFolder(pilot: TestPilot, folder: string, config: object = {}): Promise<void> {
  const project = await readProject(folder);
  for (const one of project.functions) {
    const configJson = JSON.stringify({ ...(JSON.parse(one.spec.configJson || '{}') as object), ...config });
    const { version } = await pilot.client.deploy(await bundleFunction({ ...one, spec: { ...one.spec, configJson } }));
    await untilOnly(pilot, one.spec.name, version?.digest ?? '');
  }
}

/** For a moment after a deployment events may still go to the version before. */
async function untilOnly(pilot: TestPilot, name: string, digest: string): Promise<void> {
  const replaced = async () => (await pilot.client.get(name)).instances.every((instance) => instance.digest === digest);
  await eventually(replaced, { timeoutMs: 10_000, what: `no instance of ${name} but of ${digest}` });
}
