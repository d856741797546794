/** What a `--resource` means: which batch system, reached from where. */
import { PlatformError } from '#common';
import { createScheduler } from './create-scheduler.ts';
import { type PbsFlavour, pbs } from './pbs.ts';
import { type RunCommand, runHere, runThroughSsh } from './run-command.ts';
import type { Dialect, Scheduler } from './scheduler.ts';
import { parallelEnvironmentDefault, sge } from './sge.ts';
import { slurm } from './slurm.ts';
import { createSshScheduler } from './ssh.ts';

export interface Resource {
  readonly kind: 'local' | 'slurm' | 'sge' | 'pbs' | 'ssh';
  /** Commands of the batch system are run on this host. */
  readonly login: string | undefined;
  /** Of ssh://a,b,c. */
  readonly hosts: readonly string[];
  readonly settings: Readonly<Record<string, string>>;
}

const forms =
  'local://, slurm://, sge:// (sge://?pe=NAME), pbs:// (pbs://?flavour=torque), each as in slurm+ssh://login too, and ssh://a,b,c';
/** A host of ssh's: a name, perhaps with a user and a port; never an option. */
const hostPattern = /^(?:[\w.-]+@)?[A-Za-z0-9][\w.-]*(?::\d+)?$/;

/** Throws `usage` naming what is supported. */
export function parseResource(text: string): Resource {
  const match = /^(local|slurm|sge|pbs|ssh)(\+ssh)?(?::\/\/([^?/]*)\/?(?:\?(.*))?)?$/.exec(text);
  if (!match) throw new PlatformError('usage', `resource "${text}" is not supported`, { hint: `Supported: ${forms}.` });
  const [, kind = '', through, place = '', query = ''] = match;
  const settings = Object.fromEntries(new URLSearchParams(query));
  const names = place === '' ? [] : place.split(',');
  const wrong = names.find((name) => !hostPattern.test(name));
  if (wrong !== undefined) throw new PlatformError('usage', `resource "${text}": "${wrong}" is not a host`);
  checkShape(text, kind, through !== undefined, names.length);
  checkSettings(text, kind, settings);
  return {
    kind: kind as Resource['kind'],
    login: kind === 'ssh' ? undefined : names[0],
    hosts: kind === 'ssh' ? names : [],
    settings,
  };
}

function checkShape(text: string, kind: string, through: boolean, hosts: number): void {
  const fits =
    kind === 'ssh'
      ? hosts > 0 && !through
      : kind === 'local'
        ? hosts === 0 && !through
        : through
          ? hosts === 1
          : hosts === 0;
  if (fits) return;
  throw new PlatformError('usage', `resource "${text}" is not complete`, { hint: `Supported: ${forms}.` });
}

const settingsKnown: Record<string, readonly string[]> = { sge: ['pe'], pbs: ['flavour'] };

function checkSettings(text: string, kind: string, settings: Readonly<Record<string, string>>): void {
  const unknown = Object.keys(settings).find((name) => !settingsKnown[kind]?.includes(name));
  if (unknown !== undefined) throw new PlatformError('usage', `resource "${text}" has no setting "${unknown}"`);
  const { flavour } = settings;
  if (flavour !== undefined && flavour !== 'openpbs' && flavour !== 'torque')
    throw new PlatformError('usage', `flavour "${flavour}" of PBS is not known`, { hint: 'It is openpbs or torque.' });
}

/** `here`: how commands are run where the resource's name is meant. Throws `usage` for local://, which has no scheduler. */
export function schedulerFor(resource: Resource, here: RunCommand = runHere): Scheduler {
  if (resource.kind === 'ssh') return createSshScheduler(resource.hosts, (host) => runThroughSsh(host, here));
  const run = resource.login === undefined ? here : runThroughSsh(resource.login, here);
  return createScheduler(dialectOf(resource), run);
}

function dialectOf({ kind, settings }: Resource): Dialect {
  if (kind === 'slurm') return slurm;
  if (kind === 'sge') return sge(settings['pe'] ?? parallelEnvironmentDefault);
  if (kind === 'pbs') return pbs((settings['flavour'] as PbsFlavour | undefined) ?? 'openpbs');
  throw new PlatformError('usage', `${kind}:// has no scheduler`);
}
