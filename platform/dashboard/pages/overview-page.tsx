/** The pilot at a glance: totals, functions, nodes, jobs, and what happened lately. */
import { entries } from '../entries.ts';
import { countText, rateText } from '../format.ts';
import { Bar } from '../parts/bar.tsx';
import { FunctionTable } from '../parts/function-table.tsx';
import { HappeningList } from '../parts/happening-list.tsx';
import { JobTable } from '../parts/job-table.tsx';
import { NodeMap } from '../parts/node-map.tsx';
import { errorsLately, recentMean } from '../series.ts';
import { functions, linkTo, seriesOf, snapshot, tick } from '../state.ts';

const recentShown = 12;

export function OverviewPage() {
  const { nodes = [], jobs = [] } = snapshot.value ?? {};
  return (
    <>
      <h1 class="hidden">Overview</h1>
      <Totals />
      <section>
        <h2>Functions</h2>
        <FunctionTable functions={functions.value} />
      </section>
      <div class="columns">
        <div>
          <section>
            <h2>Nodes</h2>
            <NodeMap nodes={nodes} jobs={jobs} />
          </section>
          <section>
            <h2>Jobs</h2>
            <JobTable jobs={jobs} />
          </section>
        </div>
        <section>
          <h2>
            Lately <a href={linkTo('timeline')}>all of it</a>
          </h2>
          <HappeningList entries={entries(recentShown)} empty="Nothing has happened yet." />
        </section>
      </div>
    </>
  );
}

function Totals() {
  const { nodes = [] } = snapshot.value ?? {};
  const all = functions.value;
  const ready = nodes.filter(({ state }) => state === 'ready').length;
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const used = sum(nodes.map(({ slotsUsed }) => slotsUsed));
  const slots = sum(nodes.map((node) => (node.state === 'lost' ? 0 : node.slots)));
  const served = tick.value > 0 ? sum(all.map(({ name }) => recentMean(seriesOf(name).series.served) ?? 0)) : 0;
  const errors = tick.value > 0 ? sum(all.map(({ name }) => errorsLately(seriesOf(name).series))) : 0;
  const unknown = all.some(({ lag }) => lag < 0);
  const letters = sum(all.map(({ metrics }) => metrics?.deadLetters ?? 0));
  return (
    <dl class="totals">
      <Total label="nodes ready" value={`${ready}`} of={`of ${nodes.length}`} warn={ready < nodes.length} />
      <Total label="slots used" value={countText(used)} of={`of ${countText(slots)}`}>
        <Bar value={used} max={slots} label="Slots used" />
      </Total>
      <Total label="events a second" value={rateText(served)} />
      <Total
        label="waiting"
        value={`${countText(sum(all.map(({ lag }) => Math.max(0, lag))))}${unknown ? '+' : ''}`}
        of={unknown ? 'some unknown' : ''}
      />
      <Total label="errors, last minute" value={countText(errors)} warn={errors > 0} />
      <Total label="dead letters" value={countText(letters)} warn={letters > 0} />
    </dl>
  );
}

interface TotalProps {
  readonly label: string;
  readonly value: string;
  readonly of?: string;
  readonly warn?: boolean;
  readonly children?: preact.ComponentChildren;
}

function Total({ label, value, of, warn, children }: TotalProps) {
  return (
    <div class={warn ? 'total warn' : 'total'}>
      <dt>{label}</dt>
      <dd>
        <b>{value}</b> {of && <span class="quiet">{of}</span>}
        {children}
      </dd>
    </div>
  );
}
