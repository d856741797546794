// Reconstructs one chunk of a scan's rows: normalise, minus log, rotation axis, GridRec. Gathers scan.<id>.rows.<chunk>,
// publishes each slice as recon.<id>.<row>: f32, columns x columns, attenuation per column.
import { defineFunction, Output, outputs, Reject } from 'pilotfish/sdk';
import {
  findCentre,
  type GridrecMode,
  InputError,
  maskRatioDefault,
  reconstruct,
  type Scan,
} from '../kernels/index.ts';
import { CollectError, collectChunk } from './collect.ts';

export default defineFunction({
  async handle(event, ctx) {
    const { parts } = event;
    if (!parts) throw new Reject('gridrec works on gathered parts; give its trigger a `gather`');
    const [scanId = ''] = parts.key.split('.');
    try {
      const { scan, firstRow, frames } = await collectChunk(parts, parts.counts['projection'] ?? 0);
      const centre = centreOf(scan, ctx.config['centre'], (reason) =>
        ctx.log.warn(`no rotation axis found: ${reason}; taking the middle`, { scan: scanId, firstRow }),
      );
      const mode = String(ctx.config['mode'] ?? 'accurate') as GridrecMode;
      const filter = String(ctx.config['filter'] ?? 'shepp');
      const slices = reconstruct({
        ...scan,
        centre: centre.value,
        mode,
        filter,
        maskRatio: maskRatioOf(ctx.config['maskRatio']),
      });
      ctx.log.info('chunk reconstructed', {
        scan: scanId,
        firstRow,
        slices: scan.slices,
        frames,
        centre: centre.value,
      });
      const missing = Object.values(parts.missing).reduce((sum, indexes) => sum + indexes.length, 0);
      return outputs(
        Array.from({ length: scan.slices }, (_, slice) => {
          const size = scan.columns * scan.columns;
          return new Output(slices.subarray(slice * size, (slice + 1) * size), {
            subject: `recon.${scanId}.${firstRow + slice}`,
            headers: {
              'Pilotfish-Shape': `${scan.columns},${scan.columns}`,
              'Pilotfish-Dtype': 'f32',
              'Pilotfish-Centre': String(centre.value),
              'Pilotfish-Centre-From': centre.from,
              'Pilotfish-Frames': String(frames),
              'Pilotfish-Missing': String(missing),
              'Pilotfish-Node': ctx.function.node,
              'Pilotfish-Instance': ctx.function.instance,
              'Pilotfish-Recon': `gridrec mode=${mode} filter=${filter}`,
            },
          });
        }),
      );
    } catch (error) {
      // What is wrong with the input stays wrong: the dead letter says what it is.
      if (error instanceof InputError || error instanceof CollectError || error instanceof RangeError)
        throw new Reject(error.message, { cause: error });
      throw error;
    }
  },
});

/** 0 means that nothing is masked. */
function maskRatioOf(configured: unknown): number | undefined {
  return configured === undefined ? maskRatioDefault : Number(configured) || undefined;
}

/** The configured axis, or the one found; on failure the detector's middle, and it is said so. */
function centreOf(
  scan: Scan,
  configured: unknown,
  onFailure: (reason: string) => void,
): { value: number; from: string } {
  if (typeof configured === 'number') return { value: configured, from: 'config' };
  const found = findCentre(scan);
  if (found.kind === 'found') return { value: found.centre, from: 'entropy' };
  onFailure(found.reason);
  return { value: found.centre, from: 'middle' };
}
