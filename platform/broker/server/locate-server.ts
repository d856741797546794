/** Which nats-server program to run: the one asked for, the one that set-up found, or the one on PATH. */
import { execFile } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { PlatformError } from '#common';

export interface ServerSearch {
  /** The setting PILOTFISH_NATS_SERVER, where given. */
  readonly setting: string | undefined;
  /** `tools.json`, which set-up writes beside the bundles. */
  readonly toolsFile: string;
  /** The value of PATH. */
  readonly path: string;
}

/** 2.11 is the first with per-message TTLs and consumer priority groups. */
const versionMin: readonly [number, number] = [2, 11];
const versionTimeoutMs = 5_000;
const howToGet = 'Run `npm run setup`, or set PILOTFISH_NATS_SERVER to the path of a nats-server 2.11 or later.';

const toolsSchema = z.object({ natsServer: z.string().optional() });

/** Path of the program. Throws `not-found` naming the places that were looked at. */
export function locateServer(search: ServerSearch): string {
  if (search.setting !== undefined && search.setting !== '') {
    if (isProgram(search.setting)) return search.setting;
    throw new PlatformError('not-found', `PILOTFISH_NATS_SERVER is "${search.setting}", which is not a program`, {
      hint: howToGet,
    });
  }
  const candidates = [
    toolsPath(search.toolsFile),
    ...search.path.split(delimiter).map((entry) => join(entry, 'nats-server')),
  ];
  const found = candidates.find(
    (candidate) => candidate !== undefined && isAbsolute(candidate) && isProgram(candidate),
  );
  if (found !== undefined) return found;
  throw new PlatformError('not-found', `no nats-server found, neither in ${search.toolsFile} nor on PATH`, {
    hint: howToGet,
  });
}

/** Throws `invalid` when the program is older than 2.11 or no nats-server at all. */
export async function checkServerVersion(program: string): Promise<string> {
  const answer = await promisify(execFile)(program, ['--version'], { timeout: versionTimeoutMs }).catch(
    (error: unknown) => {
      throw new PlatformError('invalid', `"${program} --version" failed`, { hint: howToGet, cause: error });
    },
  );
  const match = /v(\d+)\.(\d+)\.\d+\S*/.exec(answer.stdout);
  if (!match) throw new PlatformError('invalid', `"${program}" is not a nats-server`, { hint: howToGet });
  const [major, minor] = [Number(match[1]), Number(match[2])];
  if (major < versionMin[0] || (major === versionMin[0] && minor < versionMin[1])) {
    throw new PlatformError(
      'invalid',
      `"${program}" is nats-server ${match[0]}; Pilotfish needs v${versionMin.join('.')} or later`,
      {
        hint: howToGet,
      },
    );
  }
  return match[0];
}

function toolsPath(file: string): string | undefined {
  try {
    return toolsSchema.parse(JSON.parse(readFileSync(file, 'utf8'))).natsServer;
  } catch {
    // No such file, or not yet whole: set-up has not run here, PATH may still help.
    return undefined;
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // Missing or not executable: the caller goes on to the next place.
    return false;
  }
}
