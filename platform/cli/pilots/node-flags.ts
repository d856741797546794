/** The flags that say which nodes are wanted: `up` and `pilot extend` share them. */
import { isIPv4 } from 'node:net';
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import { messageOf, PlatformError, parseSizeBytes } from '#common';
import type { NodeRequest } from '#pilot';
import { durationBetween, flag, positiveInteger } from '../command.ts';

export interface NodeFlags {
  readonly nodes: number;
  readonly coresPerNode?: number;
  readonly memoryPerNode?: number;
  readonly gpusPerNode?: number;
  readonly label?: readonly string[];
  readonly walltime?: number;
  readonly queue?: string;
  readonly project?: string;
  readonly reservation?: string;
  readonly qos?: string;
  readonly constraint?: string;
  readonly directive?: readonly string[];
  readonly setEnv?: readonly string[];
  readonly module?: readonly string[];
}

export function addNodeFlags(command: Command, what = 'how many nodes'): Command {
  return command
    .addOption(flag('--nodes <count>', what).default(1).argParser(positiveInteger))
    .addOption(
      flag('--cores-per-node <count>', 'slots of a node (default: all of its cores)').argParser(positiveInteger),
    )
    .addOption(flag('--memory-per-node <size>', 'memory of a node').argParser(sizeBytes))
    .addOption(flag('--gpus-per-node <count>', 'GPUs of a node').argParser(positiveInteger))
    .addOption(
      flag('--label <name=value>', 'what functions may ask of these nodes; may be repeated').argParser(collect),
    )
    .addOption(
      flag('--walltime <time>', 'when the nodes go back at the latest').argParser(durationBetween('10s', '365d')),
    )
    .addOption(flag('--queue <name>', "the scheduler's queue or partition"))
    .addOption(flag('--project <name>', 'the account or project that pays'))
    .addOption(flag('--reservation <name>', 'a reservation of nodes'))
    .addOption(flag('--qos <name>', 'quality of service'))
    .addOption(flag('--constraint <text>', 'features that nodes must have'))
    .addOption(flag('--directive <line>', 'added to the job script as it is; may be repeated').argParser(collect))
    .addOption(flag('--set-env <name=value>', 'set on every node; may be repeated').argParser(collect))
    .addOption(flag('--module <name>', 'a module to load on every node; may be repeated').argParser(collect));
}

const labelsMax = 32;

/** Throws `usage` for a --label that is no name=value. */
export function labelsOf({ label = [] }: Pick<NodeFlags, 'label'>): Record<string, string> | undefined {
  const labels = label.map((text) => {
    const [, name, value] = /^([A-Za-z0-9][\w./-]{0,62})=([\x21-\x7e]{1,256})$/.exec(text) ?? [];
    if (name === undefined || value === undefined)
      throw new PlatformError('usage', `--label is "${text}"`, { hint: 'Write it like --label rack=a' });
    return [name, value] as const;
  });
  if (labels.length > labelsMax) throw new PlatformError('usage', `a node has at most ${labelsMax} labels`);
  return labels.length === 0 ? undefined : Object.fromEntries(labels);
}

/** Throws `usage` for a --set-env that is no NAME=value, and as `labelsOf`. */
export function nodeRequest(flags: NodeFlags): NodeRequest {
  const environment = (flags.setEnv ?? []).map((text) => {
    const [, name, value] = /^([A-Za-z_]\w*)=(.*)$/s.exec(text) ?? [];
    if (name === undefined || value === undefined)
      throw new PlatformError('usage', `--set-env is "${text}"`, { hint: 'Write it like --set-env OMP_NUM_THREADS=1' });
    return [name, value] as const;
  });
  return {
    nodes: flags.nodes,
    coresPerNode: flags.coresPerNode,
    memoryPerNodeBytes: flags.memoryPerNode,
    gpusPerNode: flags.gpusPerNode,
    labels: labelsOf(flags),
    walltimeMs: flags.walltime,
    queue: flags.queue,
    project: flags.project,
    reservation: flags.reservation,
    qos: flags.qos,
    constraint: flags.constraint,
    directives: flags.directive,
    environment: environment.length === 0 ? undefined : Object.fromEntries(environment),
    modules: flags.module,
  };
}

export function sizeBytes(text: string): number {
  try {
    return parseSizeBytes(text);
  } catch (error) {
    throw new InvalidArgumentError(`${messageOf(error)}. Write it like 512MiB or 2GiB.`);
  }
}

/** What is no network would only be noticed on the nodes, after the wait in the queue. */
export function interfaceName(text: string): string {
  const [network = '', bits] = text.split('/');
  const isNetwork = bits !== undefined && isIPv4(network) && /^\d+$/.test(bits) && Number(bits) <= 32;
  if (isNetwork || (bits === undefined && text !== '')) return text;
  throw new InvalidArgumentError('Write it like ib0 or 10.1.0.0/16.');
}

function collect(text: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), text];
}
