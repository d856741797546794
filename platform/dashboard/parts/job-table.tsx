/** The pilot's scheduler jobs, and how much of their walltime is left. */
import type { PilotJob } from '#proto';
import { momentText, spanText } from '../format.ts';
import { snapshot } from '../state.ts';
import { Bar } from './bar.tsx';

export function JobTable({ jobs }: { readonly jobs: readonly PilotJob[] }) {
  const now = snapshot.value?.timeMs ?? 0;
  return (
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>Job</th>
            <th class="lesser">State</th>
            <th>Nodes</th>
            <th class="lesser">Since</th>
            <th>Walltime left</th>
          </tr>
        </thead>
        <tbody>
          {jobs.map((job) => (
            <tr key={job.block || 'local'}>
              <td class="mono">{job.job || 'this machine'}</td>
              <td class="lesser">{job.state.toLowerCase()}</td>
              <td>{job.nodes.join(', ')}</td>
              <td class="num lesser">{job.startedAtMs > 0 ? momentText(job.startedAtMs) : '–'}</td>
              <td class="num">
                {job.endsAtMs > 0 ? (
                  <>
                    <Bar value={job.endsAtMs - now} max={job.endsAtMs - job.startedAtMs} label="Walltime left" />
                    {spanText(job.endsAtMs - now)}
                  </>
                ) : (
                  'no end'
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
