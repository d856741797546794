/** Plots as inline SVG: lines with points, and bars. Every text is escaped. Pure. */

export interface PlotLine {
  readonly label: string;
  readonly points: readonly (readonly [number, number])[];
  /** Marks the points; the line itself is drawn where `joined`. */
  readonly marked: boolean;
  readonly joined: boolean;
  readonly dashed?: boolean;
  /** Lines of one colour belong together. */
  readonly colour: number;
}

export interface PlotAxes {
  readonly title: string;
  readonly x: string;
  readonly y: string;
}

const width = 520;
const height = 300;
const margin = { left: 64, right: 16, top: 34, bottom: 46 };
/** Told apart also by who cannot tell red from green (Okabe and Ito). */
const colours = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'];

export function colourOf(index: number): string {
  return colours[index % colours.length] as string;
}

export function escapeHtml(text: string): string {
  const marks: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (mark) => marks[mark] as string);
}

export function linePlot(axes: PlotAxes, lines: readonly PlotLine[]): string {
  const points = lines.flatMap((line) => line.points).filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
  if (points.length === 0) return emptyPlot(axes);
  const xs = points.map(([x]) => x);
  const left = Math.min(0, ...xs);
  const scale = createScale([left, niceMost(Math.max(...xs))], [0, niceMost(Math.max(...points.map(([, y]) => y)))]);
  const body = lines.map((line) => drawLine(line, scale)).join('');
  return frame(axes, scale, body);
}

/** Pixels of a character of 11 px, rather too many. */
const tickCharWidth = 6.2;

export function barPlot(
  axes: PlotAxes,
  bars: readonly { readonly label: string; readonly value: number; readonly colour: number }[],
): string {
  const good = bars.filter(({ value }) => Number.isFinite(value));
  if (good.length === 0) return emptyPlot(axes);
  const scale = createScale([0, good.length], [0, niceMost(Math.max(...good.map(({ value }) => value)))]);
  const slot = scale.x(1) - scale.x(0);
  const body = good.map(({ label, value, colour }, at) => {
    const x = scale.x(at) + slot * 0.15;
    const y = scale.y(value);
    const tall = scale.y(0) - y;
    const text = `${label}: ${tickText(value)}`;
    return (
      `<rect x="${fix(x)}" y="${fix(y)}" width="${fix(slot * 0.7)}" height="${fix(tall)}" fill="${colourOf(colour)}"><title>${escapeHtml(text)}</title></rect>` +
      barLabel(label, x + slot * 0.35, slot) +
      `<text x="${fix(x + slot * 0.35)}" y="${fix(y - 4)}" class="tick" text-anchor="middle">${tickText(value)}</text>`
    );
  });
  return frame(axes, scale, body.join(''), false);
}

/** A line for each of its parts; none where they would run into each other: colour and tooltip say it, too. */
function barLabel(label: string, x: number, slot: number): string {
  const parts = label.split(', ');
  if (Math.max(...parts.map((part) => part.length)) * tickCharWidth > slot) return '';
  const lines = parts.map((part, at) => `<tspan x="${fix(x)}" dy="${at === 0 ? 0 : 13}">${escapeHtml(part)}</tspan>`);
  return `<text y="${height - margin.bottom + 16}" class="tick" text-anchor="middle">${lines.join('')}</text>`;
}

interface Scale {
  readonly x: (value: number) => number;
  readonly y: (value: number) => number;
  readonly xRange: readonly [number, number];
  readonly yRange: readonly [number, number];
}

function createScale(xRange: readonly [number, number], yRange: readonly [number, number]): Scale {
  const along =
    ([low, high]: readonly [number, number], from: number, to: number) =>
    (value: number) =>
      from + ((value - low) / (high - low || 1)) * (to - from);
  return {
    x: along(xRange, margin.left, width - margin.right),
    y: along(yRange, height - margin.bottom, margin.top),
    xRange,
    yRange,
  };
}

function drawLine({ label, points, marked, joined, dashed, colour }: PlotLine, scale: Scale): string {
  const good = points.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
  const stroke = colourOf(colour);
  const path = good.map(([x, y]) => `${fix(scale.x(x))},${fix(scale.y(y))}`).join(' ');
  const line = joined
    ? `<polyline points="${path}" fill="none" stroke="${stroke}" stroke-width="2"${dashed ? ' stroke-dasharray="5 4"' : ''}/>`
    : '';
  const marks = marked
    ? good.map(([x, y]) => {
        const text = escapeHtml(`${label}: ${tickText(x)} → ${tickText(y)}`);
        return `<circle cx="${fix(scale.x(x))}" cy="${fix(scale.y(y))}" r="4" fill="${stroke}"><title>${text}</title></circle>`;
      })
    : [];
  return line + marks.join('');
}

function frame({ title, x, y }: PlotAxes, scale: Scale, body: string, xTicks = true): string {
  const grid = ticks(scale.yRange).map((value) => {
    const at = fix(scale.y(value));
    const line = `<line x1="${margin.left}" x2="${width - margin.right}" y1="${at}" y2="${at}" class="grid"/>`;
    return `${line}<text x="${margin.left - 6}" y="${fix(scale.y(value) + 4)}" class="tick" text-anchor="end">${tickText(value)}</text>`;
  });
  const below = xTicks
    ? ticks(scale.xRange).map(
        (value) =>
          `<text x="${fix(scale.x(value))}" y="${height - margin.bottom + 16}" class="tick" text-anchor="middle">${tickText(value)}</text>`,
      )
    : [];
  const label = escapeHtml(title);
  return (
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}"><text x="${margin.left}" y="18" class="title">${label}</text>` +
    grid.join('') +
    below.join('') +
    `<line x1="${margin.left}" x2="${width - margin.right}" y1="${fix(scale.y(0))}" y2="${fix(scale.y(0))}" class="axis"/>` +
    `<text x="${(margin.left + width - margin.right) / 2}" y="${height - 10}" class="label" text-anchor="middle">${escapeHtml(x)}</text>` +
    `<text transform="translate(14 ${(height - margin.bottom + margin.top) / 2}) rotate(-90)" class="label" text-anchor="middle">${escapeHtml(y)}</text>` +
    `${body}</svg>`
  );
}

function emptyPlot({ title }: PlotAxes): string {
  return `<p class="note">${escapeHtml(title)}: nothing was measured.</p>`;
}

function ticks([low, high]: readonly [number, number]): number[] {
  const step = niceStep((high - low) / 5);
  const first = Math.ceil(low / step);
  return Array.from({ length: Math.floor(high / step + 1e-9) - first + 1 }, (_, at) => (first + at) * step);
}

/** 1, 2 or 5 times a power of ten. */
function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough || 1));
  const part = rough / power;
  return power * (part <= 1 ? 1 : part <= 2 ? 2 : part <= 5 ? 5 : 10);
}

function niceMost(value: number): number {
  if (!(value > 0)) return 1;
  const step = niceStep(value / 5);
  return Math.ceil(value / step - 1e-9) * step;
}

export function tickText(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (Math.abs(value) >= 10_000) return `${Number((value / 1_000).toPrecision(3))}k`;
  return String(Number(value.toPrecision(3)));
}

function fix(value: number): string {
  return value.toFixed(1);
}
