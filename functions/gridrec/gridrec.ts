// Reconstructs one chunk of a scan's rows: normalise, minus log, rotation axis, GridRec. Gathers scan.<id>.rows.<chunk>,
// publishes each slice as recon.<id>.<row>: f32, columns x columns, attenuation per column.
import { defineFunction } from 'pilotfish/sdk';
import kernel from '../kernels/gridrec/module.js';
import { type GridrecMode, ReconstructorCache, reconstruct } from '../kernels/index.ts';
import { reconstructChunk } from '../recon/reconstruct-chunk.ts';

const cache = new ReconstructorCache(kernel);

export default defineFunction({
  handle(event, ctx) {
    const mode = String(ctx.config['mode'] ?? 'accurate') as GridrecMode;
    const filter = String(ctx.config['filter'] ?? 'shepp');
    return reconstructChunk(event, ctx, {
      subject: 'recon',
      searchKernel: kernel,
      axisOffset: 0,
      reconstruct: (scan) => ({
        values: reconstruct({ ...scan, mode, filter, cache }),
        recon: `gridrec mode=${mode} filter=${filter}`,
      }),
    });
  },
});
