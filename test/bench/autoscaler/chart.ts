/** An SVG of one trace: what the arrivals keep busy, and the instances of each policy, second by second. */
import type { RunResult } from './sim-model.ts';
import type { Trace } from './traces.ts';

export interface Line {
  readonly policy: string;
  readonly result: RunResult;
}

const width = 900;
const panelHeight = 150;
const left = 44;
const right = 24;
const top = 34;
const colours = ['#1a7f5a', '#c2571a', '#5a4fcf', '#8a8a00'];

export function chart(trace: Trace, lines: readonly Line[]): string {
  const height = top + lines.length * panelHeight + 10;
  const need = Array.from({ length: trace.seconds }, (_, second) =>
    trace.functions.reduce((sum, { rate, serviceMeanMs }) => sum + (rate(second) * serviceMeanMs) / 1_000, 0),
  );
  const most = Math.max(...need, ...lines.flatMap(({ result }) => result.series.map(({ instances }) => instances)), 1);
  const panels = lines.map(({ policy, result }, at) => {
    const base = top + (at + 1) * panelHeight - 24;
    const scale = { x: (width - left - right) / trace.seconds, y: (panelHeight - 44) / most, base };
    const missed = ((100 * result.misses) / Math.max(1, result.events)).toFixed(2);
    const cost = (result.instanceSeconds / result.optimumSeconds).toFixed(2);
    return [
      `<text x="${left}" y="${base - panelHeight + 36}" fill="${colours[at % colours.length]}">${policy}: ${missed} % missed, ${cost} x the optimum</text>`,
      `<line x1="${left}" y1="${base}" x2="${width - right}" y2="${base}" stroke="#999"/>`,
      `<text x="${left - 6}" y="${base}" text-anchor="end">0</text>`,
      `<text x="${left - 6}" y="${base - most * scale.y + 8}" text-anchor="end">${Math.round(most)}</text>`,
      polyline(need, scale, 'none', '#bbb', '#eee'),
      polyline(
        result.series.map(({ instances }) => instances),
        scale,
        'none',
        colours[at % colours.length] ?? '#000',
      ),
    ].join('\n');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
<text x="${left}" y="20" font-size="14">${trace.name}: instances over ${trace.seconds} s; grey is what the arrivals keep busy</text>
${panels.join('\n')}
${seconds(trace, height - 22)}
</svg>
`;
}

const tickSeconds = 60;

/** Under the last panel: when. */
function seconds({ seconds: all }: Trace, y: number): string {
  const perSecond = (width - left - right) / all;
  return Array.from({ length: Math.floor(all / tickSeconds) + 1 }, (_, at) => at * tickSeconds)
    .map((second) => `<text x="${left + second * perSecond}" y="${y}" text-anchor="middle">${second} s</text>`)
    .join('\n');
}

function polyline(
  values: readonly number[],
  { x, y, base }: { x: number; y: number; base: number },
  none: string,
  stroke: string,
  area = none,
): string {
  const points = values.map((value, second) => `${(left + second * x).toFixed(1)},${(base - value * y).toFixed(1)}`);
  const closed =
    area === none ? points : [`${left},${base}`, ...points, `${(left + values.length * x).toFixed(1)},${base}`];
  return `<polyline fill="${area}" stroke="${stroke}" stroke-width="1.3" points="${closed.join(' ')}"/>`;
}
