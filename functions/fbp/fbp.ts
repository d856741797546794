// Reconstructs one chunk of a scan's rows by filtered back-projection. Gathers scan.<id>.rows.<chunk>, publishes each slice as fbp.<id>.<row>.
import { defineFunction } from 'pilotfish/sdk';
import kernel from '../kernels/fbp/module.js';
import gridrecKernel from '../kernels/gridrec/module.js';
import { reconstructFbp } from '../kernels/index.ts';
import { reconstructChunk } from '../recon/reconstruct-chunk.ts';

export default defineFunction({
  handle(event, ctx) {
    const filter = String(ctx.config['filter'] ?? 'shepp');
    return reconstructChunk(event, ctx, {
      subject: 'fbp',
      searchKernel: gridrecKernel,
      axisOffset: 0,
      reconstruct: (scan) => ({ values: reconstructFbp({ ...scan, filter, kernel }), recon: `fbp filter=${filter}` }),
    });
  },
});
