/** The reconstruction itself: a slider through the slices, the grey scale's window, what each was made of, before and after. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { ListSubjectsResponse } from '#proto';
import { call } from '../api.ts';
import { parseSlice } from '../slice.ts';
import { MadeOf, type Shown } from './made-of.tsx';
import { SlicePicture } from './slice-picture.tsx';

interface LatestEvent extends Omit<Shown, 'subject' | 'slice'> {
  /** base64 */
  readonly payload: string;
  readonly shownRows: number;
  readonly shownColumns: number;
}

/** New slices, and newer ones of a preview, are looked for this often. */
const lookEveryMs = 2_000;
/** More than a screen has; larger slices are shrunk by the gateway. */
const pictureSide = 1_024;
/** What a slice was made with: with another one it is no newer state of the same, but another try. */
const madeWithHeaders = ['Pilotfish-Recon', 'Pilotfish-Version', 'Pilotfish-Centre'] as const;

interface ViewerProps {
  readonly scan: string;
  /** Slices stand under `<stem>.<scan>.*`. */
  readonly stem: 'recon' | 'preview';
  /** Said where there are none; nothing at all where it is empty. */
  readonly none: string;
  readonly title: string;
}

export function SliceViewer({ scan, stem, none, title }: ViewerProps) {
  const subjects = useSignal<readonly string[]>([]);
  const at = useSignal(0);
  const shown = useSignal<Shown | undefined>(undefined);
  const before = useSignal<Shown | undefined>(undefined);
  const failure = useSignal('');
  const low = useSignal(0);
  const high = useSignal(100);
  const wanted = subjects.value[at.value];

  useEffect(() => {
    const look = async (): Promise<void> => {
      try {
        const found = await call<ListSubjectsResponse>('ListSubjects', { pattern: `${stem}.${scan}.*` });
        const names = found.subjects.map(({ subject }) => subject);
        if (names.length !== subjects.value.length) {
          // Until somebody has chosen one, the middle is shown: the ends of an object are mostly air. A preview begins with the plane of the beam.
          if (subjects.value.length === 0) at.value = stem === 'recon' ? Math.floor(names.length / 2) : 0;
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
  }, [scan, stem]);

  const load = async (subject: string): Promise<void> => {
    const old = shown.value?.subject === subject ? shown.value : undefined;
    const request = { subject, pictureSide, knownSequence: old?.sequence ?? 0 };
    const { payload, shownRows, shownColumns, ...event } = await call<LatestEvent>('GetLatestEvent', request);
    // The slider may have gone on meanwhile.
    if (subjects.value[at.value] !== subject) return;
    failure.value = '';
    if (old?.sequence === event.sequence) return;
    const slice = parseSlice(payload, event.headers, { rows: shownRows, columns: shownColumns });
    const next = { subject, ...event, slice };
    if (old && madeWithHeaders.some((header) => old.headers[header] !== next.headers[header])) before.value = old;
    shown.value = next;
  };

  useEffect(() => {
    if (wanted !== undefined) void load(wanted).catch((error: unknown) => (failure.value = String(error)));
  }, [wanted]);

  if (subjects.value.length === 0) {
    const said = failure.value || none;
    return said === '' ? null : <p class="quiet">{said}</p>;
  }
  const slice = shown.value?.slice;
  const { low: from, span } = typeof slice === 'object' ? { low: slice.low, span: slice.high - slice.low } : nothing;
  // Both in the same greys, or a change of the grey scale would look like one of the object.
  const window = { low: from + (span * low.value) / 100, high: from + (span * high.value) / 100 };
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      <div class={before.value ? 'viewer two' : 'viewer'}>
        {before.value && (
          <SlicePicture
            slice={before.value.slice}
            {...window}
            label={`Slice ${before.value.subject}, before`}
            caption="before"
          />
        )}
        <SlicePicture
          slice={slice}
          {...window}
          label={`Slice ${wanted}${before.value ? ', after' : ''}`}
          caption={before.value && 'after'}
        />
        <div class="controls">
          <Slider
            label="Slice"
            value={at.value}
            max={subjects.value.length - 1}
            onInput={(value) => (at.value = value)}
          >
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
          <p class="action">
            <button type="button" disabled={!shown.value} onClick={() => (before.value = shown.value)}>
              Keep as before
            </button>{' '}
            {before.value && (
              <button type="button" onClick={() => (before.value = undefined)}>
                Show one
              </button>
            )}
          </p>
          {failure.value && <p class="failure">{failure.value}</p>}
          {shown.value && <MadeOf after={shown.value} before={before.value} />}
        </div>
      </div>
    </section>
  );
}

const nothing = { low: 0, span: 0 };

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
