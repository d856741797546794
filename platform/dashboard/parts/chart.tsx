/** A live chart of one or more values over the last minutes. */
import { useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { clockText } from '../format.ts';
import { tick } from '../state.ts';

export interface ChartLine {
  readonly label: string;
  /** A variable of the style sheet: "--line-1". */
  readonly colour: string;
  readonly stepped?: boolean;
  readonly bars?: boolean;
  readonly dash?: readonly number[];
  readonly fill?: boolean;
}

interface ChartProps {
  readonly title: string;
  readonly lines: readonly ChartLine[];
  /** Time first, then one list a line; read anew at each message. */
  readonly data: () => readonly (readonly (number | null)[])[];
  readonly text: (value: number) => string;
  /** Of things that are counted: nothing stands between 0 and 1. */
  readonly whole?: boolean;
  /** Shown in the window of so many seconds that ends now. */
  readonly seconds?: number;
}

const chartHeight = 150;
const windowSeconds = 300;

export function Chart({ title, lines, data, text, whole = false, seconds = windowSeconds }: ChartProps) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);

  useEffect(() => {
    const element = host.current;
    if (!element) return undefined;
    const make = (): uPlot =>
      new uPlot(options(element.clientWidth, { lines, text, whole, seconds }), asData(data()), element);
    plot.current = make();
    const sized = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: chartHeight }));
    sized.observe(element);
    // Its colours are drawn, not styled: another theme needs another drawing.
    const themed = new MutationObserver(remake);
    themed.observe(document.documentElement, { attributes: true, attributeFilter: ['data-theme'] });
    const scheme = window.matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', remake);
    function remake(): void {
      plot.current?.destroy();
      plot.current = make();
    }
    return () => {
      sized.disconnect();
      themed.disconnect();
      scheme.removeEventListener('change', remake);
      plot.current?.destroy();
    };
  }, []);

  useSignalEffect(() => {
    if (tick.value > 0) plot.current?.setData(asData(data()));
  });

  const latest = data();
  return (
    <figure class="chart">
      <figcaption>
        <h3>{title}</h3>
        <span class="legend">
          {lines.map((line, at) => (
            <span key={line.label}>
              <i style={{ background: `var(${line.colour})` }} class={line.dash ? 'dashed' : ''} aria-hidden="true" />
              {line.label} <b>{lastText(latest[at + 1] ?? [], text)}</b>
            </span>
          ))}
        </span>
      </figcaption>
      <div ref={host} class="plot" role="img" aria-label={`${title} over the last minutes`} />
    </figure>
  );
}

function lastText(values: readonly (number | null)[], text: (value: number) => string): string {
  const last = values.at(-1);
  return last === null || last === undefined ? '–' : text(last);
}

function asData(lists: readonly (readonly (number | null)[])[]): uPlot.AlignedData {
  return lists as unknown as uPlot.AlignedData;
}

/** Of a variable of the style sheet, the colour in the theme that is shown: a drawing needs it as such. */
function colourReader(): (name: string) => string {
  const probe = document.createElement('span');
  probe.hidden = true;
  document.body.append(probe);
  // Read at once: the element goes before the page is drawn.
  queueMicrotask(() => probe.remove());
  return (name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
}

/** A number that would stand there twice, as whole numbers do on a small scale, stands there once. */
function axisTexts(splits: readonly number[], text: (value: number) => string): string[] {
  const texts = splits.map((value) => (value === 0 ? '0' : text(value)));
  return texts.map((each, at) => (each === texts[at - 1] ? '' : each));
}

/** Steps of an axis that counts. */
const wholeSteps = Array.from({ length: 10 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();

function options(
  width: number,
  { lines, text, whole, seconds }: Required<Pick<ChartProps, 'lines' | 'text' | 'whole' | 'seconds'>>,
): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = colourReader();
  const axis = {
    stroke: colour('--ink-3'),
    grid: { stroke: colour('--rule'), width: 1 },
    ticks: { show: false },
    font: `11px ${style.getPropertyValue('--sans')}`,
  };
  return {
    width,
    height: chartHeight,
    legend: { show: false },
    cursor: { y: false, points: { size: 6 } },
    scales: {
      x: { range: (_plot, _min, max) => [max - seconds, max] },
      y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.1 : 1] },
    },
    axes: [
      {
        ...axis,
        size: 24,
        space: 50,
        values: (_plot, splits) => splits.map((time) => clockText(time * 1_000).slice(0, 5)),
      },
      {
        ...axis,
        size: 52,
        space: 34,
        values: (_plot, splits) => axisTexts(splits, text),
        ...(whole ? { incrs: wholeSteps } : {}),
      },
    ],
    series: [
      {},
      ...lines.map(({ label, colour: name, stepped, bars, dash, fill }) => ({
        label,
        stroke: colour(name),
        width: 1.5,
        points: { show: false },
        spanGaps: false,
        ...(dash ? { dash: [...dash] } : {}),
        ...(fill ? { fill: colour(name).replace(/^rgb\((.*)\)$/, 'rgba($1, 0.13)') } : {}),
        ...(stepped ? { paths: uPlot.paths.stepped?.({ align: 1 }) } : {}),
        ...(bars ? { paths: uPlot.paths.bars?.({ size: [0.6, 8] }), fill: colour(name) } : {}),
      })),
    ] as uPlot.Series[],
  };
}
