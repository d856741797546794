// Reconstructs one chunk of a scan's rows by ML-EM, or OSEM where `blocks` is more than 1. Gathers scan.<id>.rows.<chunk>,
// publishes each slice as mlem.<id>.<row>: f32, columns x columns.
import { defineFunction } from 'pilotfish/sdk';
import { reconstructIteratively } from '../recon/iterative-function.ts';

export default defineFunction({
  handle: (event, ctx) => reconstructIteratively(event, ctx, 'mlem'),
});
