/** A study as one HTML page that needs nothing else: plots, the fitted law, a table, the comparison, the environment. Pure. */
import type { Comparison } from './matrix.ts';
import { barPlot, colourOf, escapeHtml, linePlot, type PlotLine, tickText } from './plots.ts';
import type { CaseRecord } from './records.ts';
import { lawCurve, type Series, seriesOf } from './summary.ts';

export interface ReportInput {
  readonly name: string;
  readonly about: string;
  readonly records: readonly CaseRecord[];
  readonly compare: readonly Comparison[];
}

const style = `body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1120px;padding:0 1rem;color:#1b1b1b;background:#fff}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.2rem;border-bottom:1px solid #ddd;padding-bottom:.2rem}
.plots{display:grid;grid-template-columns:repeat(auto-fill,minmax(440px,1fr));gap:1rem}svg{width:100%;height:auto}
.title{font-size:14px;font-weight:600}.tick{font-size:11px;fill:#555}.label{font-size:12px;fill:#333}.grid{stroke:#e8e8e8}.axis{stroke:#888}
table{border-collapse:collapse;font-size:13px;margin:.6rem 0}th,td{padding:.25rem .6rem;border-bottom:1px solid #eee;text-align:right}
th:first-child,td:first-child,.text{text-align:left}.note{color:#666;font-size:13px}.key span{display:inline-block;width:.8em;height:.8em;margin-right:.3em}
.key{font-size:13px;margin-right:1.2em}.failed{color:#a33}`;

export function renderReport({ name, about, records, compare }: ReportInput): string {
  const series = seriesOf(records);
  const experiments = Map.groupBy(series, ({ experiment, pilot }) => `${experiment}, ${pilot}`);
  const sections = [...experiments].map(([title, several]) => renderExperiment(title, several));
  const [first] = records;
  const environment = Object.entries(first?.environment ?? {}).map(([key, value]) => `${key} ${value}`);
  const loaded = new Set(records.map(({ environment: each }) => JSON.stringify(each))).size > 1;
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escapeHtml(name)}</title><style>${style}</style>
<h1>${escapeHtml(name)}</h1><p>${escapeHtml(about)}</p>
<p class="note">${escapeHtml(environment.join(', '))}${loaded ? '; not all cases ran in the same environment, see the CSV' : ''}. ${records.length} cases,
from ${escapeHtml(first?.startedAt ?? '-')} on. Figures are medians of repeats over the steady part of a case: warm-up, start-up and the end, in which fewer and fewer
instances are busy, are left out. Latency is from an event being stored to its first result being stored.</p>
${sections.join('\n')}
${renderComparison(compare, series)}
</html>
`;
}

function renderExperiment(title: string, several: readonly Series[]): string {
  const name = ({ size, producers }: Series) => `${size}, ${producers} ${producers === 1 ? 'producer' : 'producers'}`;
  const keys = several.map(
    (series, at) =>
      `<span class="key"><span style="background:${colourOf(at)}"></span>${escapeHtml(name(series))}</span>`,
  );
  const processed = several.some(({ points }) => points.some(({ perSecond }) => Number.isFinite(perSecond)));
  const plots = processed ? processorPlots(several, name) : sourcePlots(several, name);
  const failed = several.flatMap((series) => series.failed);
  return `<h2>${escapeHtml(title)}</h2><p>${keys.join('')}</p><div class="plots">${plots.join('')}</div>
${processed ? renderLaws(several, name) : ''}${renderTable(several, name, processed)}
${failed.length === 0 ? '' : `<p class="failed">${failed.map(escapeHtml).join('<br>')}</p>`}`;
}

function processorPlots(several: readonly Series[], name: (series: Series) => string): string[] {
  const most = Math.max(1, ...several.flatMap(({ points }) => points.map(({ instances }) => instances)));
  const measured = (pick: (point: Series['points'][number]) => number, joined = false): PlotLine[] =>
    several.map((series, colour) => ({
      label: name(series),
      points: series.points.map((point) => [point.instances, pick(point)] as const),
      marked: true,
      joined,
      colour,
    }));
  const laws: PlotLine[] = several.flatMap(({ law }, colour) =>
    law ? [{ label: 'law', points: lawCurve(law, most), marked: false, joined: true, dashed: true, colour }] : [],
  );
  const unfitted = several.every(({ law }) => law === undefined);
  const lag: PlotLine[] = several.flatMap((series, colour) => {
    const last = series.points.at(-1);
    return last ? [{ label: name(series), points: last.lag, marked: false, joined: true, colour }] : [];
  });
  const bars = several.flatMap((series, colour) =>
    series.points.map(({ instances, startUpMs }) => ({ label: String(instances), value: startUpMs, colour })),
  );
  return [
    linePlot({ title: 'Throughput', x: 'instances', y: 'messages/s' }, [
      ...measured(({ perSecond }) => perSecond, unfitted),
      ...laws,
    ]),
    linePlot(
      { title: 'Latency, median', x: 'instances', y: 'ms' },
      measured(({ p50Ms }) => p50Ms, true),
    ),
    barPlot({ title: 'Start-up: deploy until all instances are ready', x: 'instances', y: 'ms' }, bars),
    linePlot({ title: 'Lag over time, most instances', x: 'seconds', y: 'messages waiting' }, lag),
  ];
}

function sourcePlots(several: readonly Series[], name: (series: Series) => string): string[] {
  const bars = several.map((series, colour) => ({
    label: name(series),
    value: series.points[0]?.sourceMegabytesPerSecond ?? Number.NaN,
    colour,
  }));
  return [barPlot({ title: 'What the source stored', x: '', y: 'MB/s' }, bars)];
}

/** Below this share the law describes something else than what was measured. */
const explainedMin = 0.5;

function bestText({ best, confidence }: NonNullable<Series['law']>): string {
  if (confidence < explainedMin) return 'the law does not tell';
  return best === undefined ? 'beyond what was tried' : String(best);
}

function renderLaws(several: readonly Series[], name: (series: Series) => string): string {
  const figure = (law: NonNullable<Series['law']>, key: 'lambda' | 'sigma' | 'kappa') => {
    const interval = law.intervals?.[key];
    return `${tickText(law[key])}${interval ? ` <small>(${tickText(interval.low)} to ${tickText(interval.high)})</small>` : ''}`;
  };
  const rows = several.map((series) => {
    const { law } = series;
    const cells = law
      ? [figure(law, 'lambda'), figure(law, 'sigma'), figure(law, 'kappa'), bestText(law), law.confidence.toFixed(2)]
      : ['too few counts of instances to fit: four, over a factor of three', '', '', '', ''];
    return row([escapeHtml(name(series)), ...cells]);
  });
  return `<p class="note">Universal Scalability Law X(N) = λ N / (1 + σ (N - 1) + κ N (N - 1)): λ messages/s of one instance, σ what they wait for each other,
κ what they cost each other; in brackets the 5th to 95th percentile over resampled repeats. Fit: share of the variance that it explains.</p>
<table>${head(['series', 'λ', 'σ', 'κ', 'best N', 'fit'])}${rows.join('')}</table>`;
}

function renderTable(several: readonly Series[], name: (series: Series) => string, processed: boolean): string {
  const titles = processed
    ? [
        'series',
        'instances',
        'repeats',
        'messages/s',
        'MB/s',
        'p50 ms',
        'p99 ms',
        'queue p50 ms',
        'start-up ms',
        'source MB/s',
      ]
    : ['series', 'repeats', 'source MB/s'];
  const rows = several.flatMap((series) =>
    series.points.map((point) => {
      const all = [point.instances, point.repeats, point.perSecond, point.megabytesPerSecond, point.p50Ms, point.p99Ms];
      const more = [point.queueP50Ms ?? Number.NaN, point.startUpMs, point.sourceMegabytesPerSecond];
      const figures = processed ? [...all, ...more] : [point.repeats, point.sourceMegabytesPerSecond];
      return row([escapeHtml(name(series)), ...figures.map(tickText)]);
    }),
  );
  return `<table>${head(titles)}${rows.join('')}</table>`;
}

/** The best series of an experiment against what others published. */
function renderComparison(compare: readonly Comparison[], series: readonly Series[]): string {
  if (compare.length === 0) return '';
  const rows = compare.map(({ what, published, unit, experiment, metric, differs }) => {
    const figures = series
      .filter((each) => each.experiment === experiment)
      .flatMap(({ points }) =>
        points.map((point) => (metric === 'source' ? point.sourceMegabytesPerSecond : point.megabytesPerSecond)),
      )
      .filter(Number.isFinite);
    const ours = figures.length === 0 ? 'not measured' : `${tickText(Math.max(...figures))} ${unit}`;
    return `<tr><td>${escapeHtml(what)}</td><td>${tickText(published)} ${unit}</td><td>${ours}</td><td class="text">${escapeHtml(differs)}</td></tr>`;
  });
  return `<h2>Beside what was published</h2><table>${head(['what', 'published', 'here, best', 'what differs'])}${rows.join('')}</table>`;
}

function head(titles: readonly string[]): string {
  return `<tr>${titles.map((title) => `<th>${title}</th>`).join('')}</tr>`;
}

function row(cells: readonly string[]): string {
  return `<tr>${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
}
