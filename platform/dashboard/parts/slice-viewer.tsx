/** The reconstruction itself: a slider through the slices, the grey scale's window, and what each was made of. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { ListSubjectsResponse } from '#proto';
import { call } from '../api.ts';
import { clockText } from '../format.ts';
import { drawSlice, parseSlice, type Slice } from '../slice.ts';

interface Shown {
  readonly subject: string;
  readonly sequence: number;
  readonly timeMs: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly slice: Slice | string;
}

interface LatestEvent extends Omit<Shown, 'subject' | 'slice'> {
  /** base64 */
  readonly payload: string;
}

/** New slices, and newer ones of a preview, are looked for this often. */
const lookEveryMs = 2_000;
const madeOf = [
  ['Pilotfish-Recon', 'made by'],
  ['Pilotfish-Function', 'function'],
  ['Pilotfish-Centre', 'rotation axis'],
  ['Pilotfish-Centre-From', 'found by'],
  ['Pilotfish-Frames', 'frames'],
  ['Pilotfish-Missing', 'missing'],
  ['Pilotfish-Node', 'node'],
] as const;

export function SliceViewer({ scan }: { readonly scan: string }) {
  const subjects = useSignal<readonly string[]>([]);
  const at = useSignal(0);
  const shown = useSignal<Shown | undefined>(undefined);
  const failure = useSignal('');
  const low = useSignal(0);
  const high = useSignal(100);
  const canvas = useRef<HTMLCanvasElement>(null);
  const wanted = subjects.value[at.value];

  useEffect(() => {
    const look = async (): Promise<void> => {
      try {
        const found = await call<ListSubjectsResponse>('ListSubjects', { pattern: `recon.${scan}.*` });
        const names = found.subjects.map(({ subject }) => subject);
        if (names.length !== subjects.value.length) {
          // Until somebody has chosen one, the middle is shown: the ends of an object are mostly air.
          if (subjects.value.length === 0) at.value = Math.floor(names.length / 2);
          subjects.value = names;
        }
        const subject = names[at.value];
        if (subject !== undefined) await load(subject);
      } catch (error) {
        failure.value = error instanceof Error ? error.message : String(error);
      }
    };
    void look();
    const timer = setInterval(() => void look(), lookEveryMs);
    return () => clearInterval(timer);
  }, [scan]);

  const load = async (subject: string): Promise<void> => {
    const { payload, ...event } = await call<LatestEvent>('GetLatestEvent', { subject });
    // The slider may have gone on meanwhile.
    if (subjects.value[at.value] !== subject) return;
    if (shown.value?.subject === subject && shown.value.sequence === event.sequence) return;
    failure.value = '';
    shown.value = { subject, ...event, slice: parseSlice(payload, event.headers) };
  };

  useEffect(() => {
    if (wanted !== undefined) void load(wanted).catch((error: unknown) => (failure.value = String(error)));
  }, [wanted]);

  useEffect(() => {
    const slice = shown.value?.slice;
    if (!canvas.current || typeof slice !== 'object') return;
    const span = slice.high - slice.low;
    drawSlice(canvas.current, slice, slice.low + (span * low.value) / 100, slice.low + (span * high.value) / 100);
  }, [shown.value, low.value, high.value]);

  if (subjects.value.length === 0)
    return <p class="quiet">{failure.value || 'No slice of this scan is stored yet.'}</p>;
  const slice = shown.value?.slice;
  return (
    <div class="viewer">
      <canvas ref={canvas} role="img" aria-label={`Slice ${wanted}`} />
      <div class="controls">
        <Slider label="Slice" value={at.value} max={subjects.value.length - 1} onInput={(value) => (at.value = value)}>
          {at.value + 1} of {subjects.value.length}
        </Slider>
        <Slider
          label="Black"
          value={low.value}
          max={100}
          onInput={(value) => (low.value = Math.min(value, high.value - 1))}
        >
          {low.value} %
        </Slider>
        <Slider
          label="White"
          value={high.value}
          max={100}
          onInput={(value) => (high.value = Math.max(value, low.value + 1))}
        >
          {high.value} %
        </Slider>
        {typeof slice === 'string' && <p class="failure">{slice}</p>}
        {failure.value && <p class="failure">{failure.value}</p>}
        <dl class="made">
          <div>
            <dt>subject</dt>
            <dd class="mono">{shown.value?.subject}</dd>
          </div>
          <div>
            <dt>stored</dt>
            <dd>{shown.value ? clockText(shown.value.timeMs) : '–'}</dd>
          </div>
          {typeof slice === 'object' && (
            <div>
              <dt>size</dt>
              <dd>
                {slice.columns} × {slice.rows}, {slice.least.toPrecision(3)} to {slice.most.toPrecision(3)}
              </dd>
            </div>
          )}
          {madeOf.map(([header, label]) => (
            <div key={header}>
              <dt>{label}</dt>
              <dd>{shown.value?.headers[header] ?? '–'}</dd>
            </div>
          ))}
        </dl>
      </div>
    </div>
  );
}

interface SliderProps {
  readonly label: string;
  readonly value: number;
  readonly max: number;
  readonly onInput: (value: number) => void;
  readonly children: preact.ComponentChildren;
}

function Slider({ label, value, max, onInput, children }: SliderProps) {
  return (
    <label class="slider">
      <span>{label}</span>
      <input
        type="range"
        min={0}
        max={max}
        value={value}
        onInput={(event) => onInput(Number(event.currentTarget.value))}
      />
      <span class="num quiet">{children}</span>
    </label>
  );
}
