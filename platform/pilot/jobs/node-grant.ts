/** What the scheduler granted on this node, from the environment it sets: never the number of processors seen. Pure. */

export interface Grant {
  readonly slots: number | undefined;
  readonly memoryBytes: number | undefined;
  readonly gpus: number | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** What each scheduler calls it; the first that is a number counts. */
const slotNames = ['SLURM_CPUS_ON_NODE', 'NCPUS', 'PBS_NUM_PPN'] as const;

export function readGrant(env: Environment): Grant {
  const slots = slotNames.map((name) => whole(env[name])).find((value) => value !== undefined);
  const mebibytes = whole(env['SLURM_MEM_PER_NODE']);
  const gpus = whole(env['SLURM_GPUS_ON_NODE']) ?? listed(env['CUDA_VISIBLE_DEVICES'] ?? env['ROCR_VISIBLE_DEVICES']);
  return { slots, memoryBytes: mebibytes === undefined ? undefined : mebibytes * 2 ** 20, gpus };
}

/** "0,1": two devices. Those that a scheduler hides from a job are listed as none, or as NoDevFiles. */
function listed(text: string | undefined): number | undefined {
  const devices = (text ?? '')
    .split(',')
    .filter((device) => device !== '' && device !== 'NoDevFiles' && device !== '-1');
  return devices.length === 0 ? undefined : devices.length;
}

/** "16", and Slurm's "16(x3)" for several nodes alike. */
function whole(text: string | undefined): number | undefined {
  const value = Number(/^(\d+)(?:\(x\d+\))?$/.exec(text ?? '')?.[1]);
  return Number.isSafeInteger(value) && value > 0 ? value : undefined;
}
