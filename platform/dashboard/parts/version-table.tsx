/** Versions with the share of the traffic that each is given. */
import type { VersionMetrics } from '#proto';
import { countText, msText } from '../format.ts';
import { may } from '../state.ts';
import { ActionButton } from './action-button.tsx';
import { Bar } from './bar.tsx';

export function VersionTable({
  name,
  versions,
}: {
  readonly name: string;
  readonly versions: readonly VersionMetrics[];
}) {
  return (
    <div class="scroll">
      <table class="cards">
        <thead>
          <tr>
            <th>Version</th>
            <th>Traffic</th>
            <th>Instances</th>
            <th>Handled</th>
            <th>Failed</th>
            <th>p50</th>
            <th>p99</th>
            <th class="lesser">Digest</th>
            <th />
          </tr>
        </thead>
        <tbody>
          {[...versions].reverse().map((version) => (
            <tr key={version.number}>
              <th scope="row">v{version.number}</th>
              <td class="num" data-title="Traffic">
                <Bar value={version.percent} max={100} label="Share of the traffic" /> {version.percent} %
              </td>
              <td class="num" data-title="Instances">
                {version.instances}
              </td>
              <td class="num" data-title="Handled">
                {countText(version.handled)}
              </td>
              <td class={version.failed > 0 ? 'num bad' : 'num'} data-title="Failed">
                {countText(version.failed)}
              </td>
              <td class="num" data-title="p50">
                {msText(version.p50Ms)}
              </td>
              <td class="num" data-title="p99">
                {msText(version.p99Ms)}
              </td>
              <td class="mono quiet lesser">{version.digest.slice(0, 12)}</td>
              <td>
                {may('Rollback') && version.percent === 0 && (
                  <ActionButton
                    method="Rollback"
                    request={{ name, version: String(version.number) }}
                    label="Make latest"
                    confirm={`Give all traffic to v${version.number}?`}
                  />
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
