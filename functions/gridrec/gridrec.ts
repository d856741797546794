// Reconstructs one chunk of a scan's rows: normalise, minus log, rotation axis, GridRec. Gathers scan.<id>.rows.<chunk>,
// publishes each slice as recon.<id>.<row>: f32, columns x columns, attenuation per column. Called with arrays it answers with arrays.
import { defineFunction } from 'pilotfish/sdk';
import kernel from '../kernels/gridrec/module.js';
import { type GridrecMode, ReconstructorCache, reconstruct } from '../kernels/index.ts';
import { filterSettingsOf } from '../recon/filter-settings.ts';
import { isArrayCall, reconstructArrays } from '../recon/reconstruct-arrays.ts';
import { reconstructChunk } from '../recon/reconstruct-chunk.ts';

const cache = new ReconstructorCache(kernel);
const kernels = { gridrec: kernel, cache };

export default defineFunction({
  handle(event, ctx) {
    if (isArrayCall(event)) return reconstructArrays(event, ctx, { algorithm: 'gridrec', kernels, axisOffset: 0 });
    return reconstructChunk(event, ctx, {
      subject: 'recon',
      searchKernel: kernel,
      axisOffset: 0,
      reconstruct: (scan) => {
        const mode = String(ctx.config['mode'] ?? 'accurate') as GridrecMode;
        const { text, ...filter } = filterSettingsOf(ctx.config);
        return { values: reconstruct({ ...scan, ...filter, mode, cache }), recon: `gridrec mode=${mode} ${text}` };
      },
    });
  },
});
