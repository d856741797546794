/** Functions that a test writes for itself: bundled with the SDK from a temporary folder, deployed without the CLI's start. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundleFunction, readProject } from '#bundle';
import type { TestPilot } from './pilot.ts';

export class FunctionFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'pilotfish-functions-'));

  /** Writes `<name>/<name>.ts` and its manifest; `settings` are the manifest's lines of the function. Returns the folder. */
  write(name: string, source: string, settings: readonly string[] = []): string {
    const folder = join(this.path, name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, `${name}.ts`), source);
    const manifest = [
      'functions:',
      `  ${name}:`,
      `    entry: ${name}.ts`,
      ...settings.map((line) => `    ${line}`),
      '',
    ];
    writeFileSync(join(folder, 'pilotfish.yaml'), manifest.join('\n'));
    return folder;
  }

  /** `handler` is the handler's TypeScript; Retry, Reject, Output and outputs are imported for it. */
  async deploy(pilot: TestPilot, name: string, handler: string, settings: readonly string[] = []): Promise<void> {
    const source = `import { defineFunction, Output, outputs, Reject, Retry } from 'pilotfish/sdk';
void [Output, outputs, Reject, Retry];
export default defineFunction({ handle: ${handler} });
`;
    await deployFolder(pilot, this.write(name, source, settings));
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Deploys all functions of a folder; what `pilotfish deploy` does, in this process. */
export async function deployFolder(pilot: TestPilot, folder: string): Promise<void> {
  for (const one of readProject(folder).functions) await pilot.client.deploy(await bundleFunction(one));
}
