/** Which adapter a `--resource` means. */
import { PlatformError } from '#common';
import type { PilotAdapter } from './adapter.ts';
import { createLocalAdapter } from './local.ts';

/** `launcher`: program and arguments of a launcher, before its own. Throws `usage` naming what is supported. */
export function createAdapter(resource: string, launcher: readonly string[]): PilotAdapter {
  if (resource === 'local://' || resource === 'local') return createLocalAdapter(launcher);
  throw new PlatformError('usage', `resource "${resource}" is not supported`, {
    hint: 'Supported: local:// (nodes on this machine; inside a scheduler job, on the node the job runs on).',
  });
}

/** True where nodes belong to jobs, and not to this machine; also for what another version has written and this one does not know. */
export function isScheduled(resource: string): boolean {
  return !/^(?:local(?::\/\/)?)?$/.test(resource);
}
