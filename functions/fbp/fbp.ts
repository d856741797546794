// Reconstructs one chunk of a scan's rows by filtered back-projection. Gathers scan.<id>.rows.<chunk>, publishes each slice as
// fbp.<id>.<row>. Called with arrays it answers with arrays.
import { defineFunction } from 'pilotfish/sdk';
import kernel from '../kernels/fbp/module.js';
import gridrecKernel from '../kernels/gridrec/module.js';
import { reconstructFbp } from '../kernels/index.ts';
import iterativeKernel from '../kernels/iterative/module.js';
import { filterSettingsOf } from '../recon/filter-settings.ts';
import { isArrayCall, reconstructArrays } from '../recon/reconstruct-arrays.ts';
import { reconstructChunk } from '../recon/reconstruct-chunk.ts';

/** Without a filter it is back-projection along rays. */
const kernels = { fbp: kernel, gridrec: gridrecKernel, iterative: iterativeKernel };

export default defineFunction({
  handle(event, ctx) {
    if (isArrayCall(event)) return reconstructArrays(event, ctx, { algorithm: 'fbp', kernels, axisOffset: 0 });
    return reconstructChunk(event, ctx, {
      subject: 'fbp',
      searchKernel: gridrecKernel,
      axisOffset: 0,
      reconstruct: (scan) => {
        const { text, ...filter } = filterSettingsOf(ctx.config);
        return { values: reconstructFbp({ ...scan, ...filter, kernel }), recon: `fbp ${text}` };
      },
    });
  },
});
