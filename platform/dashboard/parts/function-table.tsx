/** One row a function: what comes, what waits, how long it takes, how many work on it, what went wrong, and why. */
import type { FunctionSummary } from '#proto';
import { countText, msText, rateText, reasonText } from '../format.ts';
import { errorsLately, recentMean } from '../series.ts';
import { colourOf, linkTo, seriesOf, tick } from '../state.ts';
import { Pips } from './pips.tsx';
import { Spark } from './spark.tsx';

export function FunctionTable({ functions }: { readonly functions: readonly FunctionSummary[] }) {
  if (functions.length === 0) {
    return (
      <p class="quiet">
        Nothing is deployed yet. <code>pilotfish deploy functions/echo</code>
      </p>
    );
  }
  return (
    <div class="scroll">
      <table class="functions cards">
        <thead>
          <tr>
            <th>Function</th>
            <th class="num">Events/s</th>
            <th class="lesser" aria-label="Events/s, the last minute and a half" />
            <th class="num">Waiting</th>
            <th class="num">p50</th>
            <th class="num">p99</th>
            <th>Instances</th>
            <th class="num" title="In the last minute">
              Errors, 1 min
            </th>
            <th class="num">Dead letters</th>
            <th>Why</th>
          </tr>
        </thead>
        <tbody>
          {functions.map((summary) => (
            <Row key={summary.name} summary={summary} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ summary }: { readonly summary: FunctionSummary }) {
  const { name, latest, lag, instancesReady, instancesWanted, metrics, scaleReason, canary } = summary;
  const { series } = seriesOf(name);
  const served = tick.value > 0 ? (recentMean(series.served) ?? 0) : 0;
  const errors = tick.value > 0 ? errorsLately(series) : 0;
  const letters = metrics?.deadLetters ?? 0;
  return (
    <tr>
      <th scope="row">
        <i class={`dot c${colourOf.value.get(name) ?? 8}`} aria-hidden="true" />
        <a href={linkTo('functions', name)}>{name}</a> <span class="quiet">v{latest?.number}</span>
        {canary && canary.ended === '' && (
          <span class="tag">
            canary v{canary.number} {canary.percent} %
          </span>
        )}
      </th>
      <td class="num" data-title="Events/s">
        {rateText(served)}
      </td>
      <td class="lesser">
        <Spark values={series.served} label={`${name}: events a second in the last minute and a half`} />
      </td>
      <td class={lag > 0 ? 'num strong' : 'num'} data-title="Waiting">
        {lag < 0 ? 'unknown' : countText(lag)}
      </td>
      <td class="num" data-title="p50">
        {msText(metrics?.p50Ms ?? 0)}
      </td>
      <td class="num" data-title="p99">
        {msText(metrics?.p99Ms ?? 0)}
      </td>
      <td data-title="Instances">
        <Pips ready={instancesReady} wanted={instancesWanted} max={metrics?.max ?? 0} />
      </td>
      <td class={errors > 0 ? 'num bad' : 'num'} data-title="Errors, 1 min">
        {countText(errors)}
      </td>
      <td class={letters > 0 ? 'num bad' : 'num'} data-title="Dead letters">
        {countText(letters)}
      </td>
      <td class="why whole" title={scaleReason}>
        {reasonText(scaleReason)}
      </td>
    </tr>
  );
}
