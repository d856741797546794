/** All about one function: charts, versions, decisions, dead letters, log; and what its reader may do to it. */

import { entries } from '../entries.ts';
import { countText, msText, rateText, reasonText } from '../format.ts';
import { ActionButton } from '../parts/action-button.tsx';
import { Chart } from '../parts/chart.tsx';
import { DeadLetters } from '../parts/dead-letters.tsx';
import { FitChart } from '../parts/fit-chart.tsx';
import { HappeningList } from '../parts/happening-list.tsx';
import { LogView } from '../parts/log-view.tsx';
import { Pips } from '../parts/pips.tsx';
import { VersionTable } from '../parts/version-table.tsx';
import { functionNamed, linkTo, may, seriesOf } from '../state.ts';

const decisionsShown = 12;

export function FunctionPage({ name }: { readonly name: string }) {
  const summary = functionNamed(name);
  if (!summary) {
    return (
      <p>
        There is no function <b>{name}</b>. <a href={linkTo()}>All functions</a>
      </p>
    );
  }
  const { latest, aliases, canary, scaleReason, instancesReady, instancesWanted, lag, metrics } = summary;
  const names = Object.entries(aliases).filter(([alias]) => alias !== 'latest');
  return (
    <>
      <div class="title">
        <h1>{name}</h1>
        <span class="tag">v{latest?.number}</span>
        {names.map(([alias, number]) => (
          <span key={alias} class="tag">
            {alias} = v{number}
          </span>
        ))}
        <span class="quiet mono">{latest?.digest.slice(0, 12)}</span>
        <span class="quiet">{latest?.spec?.kind}</span>
        <Actions
          name={name}
          hasCanary={canary !== undefined && canary.ended === ''}
          hasOthers={(metrics?.versions.length ?? 0) > 1}
        />
      </div>
      <p class="reason">
        <span class="quiet">instances</span>
        <Pips ready={instancesReady} wanted={instancesWanted} max={metrics?.max ?? 0} />
        <span>{reasonText(scaleReason)}</span>
      </p>
      <dl class="facts">
        <Fact label="waiting" value={lag < 0 ? 'unknown' : countText(lag)} />
        <Fact label="p50" value={msText(metrics?.p50Ms ?? 0)} />
        <Fact label="p99" value={msText(metrics?.p99Ms ?? 0)} />
        <Fact label="cold start" value={msText(metrics?.startMs ?? 0)} />
        <Fact label="started" value={countText(metrics?.started ?? 0)} />
        <Fact label="handled" value={countText(summary.handled)} />
        <Fact label="failed" value={countText(summary.failed)} />
        <Fact label="bounds" value={`${metrics?.min ?? 0} to ${metrics?.max ?? 0}`} />
      </dl>
      <Charts name={name} />
      <section>
        <h2>Versions</h2>
        <VersionTable name={name} versions={metrics?.versions ?? []} />
      </section>
      <div class="columns">
        <section>
          <h2>Decisions</h2>
          <HappeningList
            entries={entries(decisionsShown, ({ subject }) => subject === name)}
            empty="The autoscaler has changed nothing yet."
            about={name}
          />
        </section>
        <section>
          <h2>Dead letters</h2>
          <DeadLetters name={name} count={metrics?.deadLetters ?? 0} />
        </section>
      </div>
      <section>
        <h2>Log</h2>
        <LogView name={name} />
      </section>
    </>
  );
}

function Charts({ name }: { readonly name: string }) {
  const { series } = seriesOf(name);
  const fit = functionNamed(name)?.metrics?.fit;
  return (
    <div class="charts">
      <Chart
        title="Events a second"
        lines={[
          { label: 'arrive', colour: '--line-2', dash: [4, 3] },
          { label: 'served', colour: '--line-1', fill: true },
          { label: 'failed', colour: '--bad' },
        ]}
        data={() => [series.time, series.arrival, series.served, series.errors]}
        text={rateText}
      />
      <Chart
        title="Waiting"
        lines={[{ label: 'events', colour: '--line-3', fill: true }]}
        data={() => [series.time, series.lag]}
        text={countText}
        whole
      />
      <Chart
        title="Instances"
        lines={[
          { label: 'wanted', colour: '--line-2', stepped: true, dash: [4, 3] },
          { label: 'ready', colour: '--line-1', stepped: true, fill: true },
        ]}
        data={() => [series.time, series.wanted, series.ready]}
        text={countText}
        whole
      />
      <Chart
        title="Time of a call"
        lines={[
          { label: 'p50', colour: '--line-1' },
          { label: 'p99', colour: '--line-3' },
        ]}
        data={() => [series.time, series.p50, series.p99]}
        text={msText}
      />
      <Chart
        title="Cold starts"
        lines={[{ label: 'instances', colour: '--line-4', bars: true }]}
        data={() => [series.time, series.starts]}
        text={countText}
        whole
      />
      <FitChart
        fit={fit}
        ready={functionNamed(name)?.instancesReady ?? 0}
        max={functionNamed(name)?.metrics?.max ?? 1}
      />
    </div>
  );
}

interface ActionsProps {
  readonly name: string;
  readonly hasCanary: boolean;
  /** There is a version to go back to. */
  readonly hasOthers: boolean;
}

function Actions({ name, hasCanary, hasOthers }: ActionsProps) {
  return (
    <span class="actions">
      {may('Promote') && hasCanary && <ActionButton method="Promote" request={{ name }} label="Promote canary" />}
      {may('Rollback') && hasOthers && (
        <ActionButton
          method="Rollback"
          request={{ name }}
          label={hasCanary ? 'Withdraw canary' : 'Roll back'}
          confirm={hasCanary ? 'Withdraw the canary?' : `Go back to the version of ${name} before this one?`}
        />
      )}
      {may('SetScale') && (
        <>
          <ActionButton
            method="SetScale"
            request={{ name, override: { pausedIn: true, pausedOut: true } }}
            label="Hold instances"
          />
          <ActionButton method="SetScale" request={{ name }} label="Scale as the manifest says" />
        </>
      )}
    </span>
  );
}

function Fact({ label, value }: { readonly label: string; readonly value: string }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd>{value}</dd>
    </div>
  );
}
