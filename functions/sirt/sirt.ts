// Reconstructs one chunk of a scan's rows by SIRT. Gathers scan.<id>.rows.<chunk>,
// publishes each slice as sirt.<id>.<row>: f32, columns x columns.
import { defineFunction } from 'pilotfish/sdk';
import { reconstructIteratively } from '../recon/iterative-function.ts';

export default defineFunction({
  handle: (event, ctx) => reconstructIteratively(event, ctx, 'sirt'),
});
