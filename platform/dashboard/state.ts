/** All the page knows, as signals: the pilot as last told, what came before, and where the reader is. */
import { computed, effect, signal } from '@preact/signals';
import type { FunctionSummary, Happening, ScaleDecision, WatchResponse } from '#proto';
import { listen, type Who } from './api.ts';
import { Drawing } from './drawing.ts';
import { byName } from './format.ts';
import { FunctionSeries } from './series.ts';

export const reader = signal<Who | undefined>(undefined);
export const snapshot = signal<WatchResponse | undefined>(undefined);
/** False while the gateway is not heard. */
export const isLive = signal(false);
/** Counts messages, for what is drawn from `series`, which is no signal. */
export const tick = signal(0);
export const happenings = signal<readonly Happening[]>([]);
export const decisions = signal<readonly ScaleDecision[]>([]);
export const route = signal<readonly string[]>([]);

const listsMax = 1_000;
const watchEveryMs = 900;
const seriesByFunction = new Map<string, FunctionSeries>();

export const functions = computed(() => [...(snapshot.value?.functions ?? [])].sort((a, b) => byName(a.name, b.name)));

const names = computed(() => functions.value.map(({ name }) => name).join());

/** A place among eight colours, the same as long as the functions are the same. */
export const colourOf = computed(() => new Map(names.value.split(',').map((name, at) => [name, at % 8])));

export function seriesOf(name: string): FunctionSeries {
  const known = seriesByFunction.get(name) ?? new FunctionSeries();
  seriesByFunction.set(name, known);
  return known;
}

export function functionNamed(name: string): FunctionSummary | undefined {
  return functions.value.find((each) => each.name === name);
}

export function may(method: string): boolean {
  return reader.value?.methods.includes(method) ?? false;
}

/** Follows the pilot; every opening of the line begins with all that is kept. */
export function followPilot(): void {
  let isFirst = true;
  listen<WatchResponse>(
    'Watch',
    { everyMs: watchEveryMs, history: true },
    {
      onLine: (up) => {
        if (!up) isFirst = true;
        isLive.value = up;
      },
      onMessage: (message) => {
        take(message, isFirst);
        isFirst = false;
      },
    },
  );
}

/** What has come and is not drawn yet. */
let newest: WatchResponse | undefined;
let allHappened: readonly Happening[] = [];
let allDecided: readonly ScaleDecision[] = [];

const drawing = new Drawing(() => {
  if (newest === undefined) return;
  happenings.value = allHappened;
  decisions.value = allDecided;
  snapshot.value = newest;
  tick.value++;
});

function take(message: WatchResponse, isFirst: boolean): void {
  if (isFirst) for (const history of message.history) seriesOf(history.function).begin(history);
  allHappened = isFirst ? message.happened : appended(allHappened, message.happened);
  allDecided = isFirst ? message.decisions : appended(allDecided, message.decisions);
  for (const summary of message.functions) seriesOf(summary.name).add(message.timeMs, summary);
  const names = new Set(message.functions.map(({ name }) => name));
  for (const name of seriesByFunction.keys()) if (!names.has(name)) seriesByFunction.delete(name);
  newest = message;
  drawing.want();
}

function appended<T>(list: readonly T[], more: readonly T[]): readonly T[] {
  return more.length === 0 ? list : [...list, ...more].slice(-listsMax);
}

/** The reader's place stands behind the "#", so that a page can be bookmarked and nothing is asked of the server. */
export function followRoute(): void {
  const read = (): void => {
    route.value = window.location.hash.replace(/^#\/?/, '').split('/').filter(Boolean).map(decoded);
    window.scrollTo(0, 0);
  };
  window.addEventListener('hashchange', read);
  read();
  effect(() => {
    const [page, name] = route.value;
    document.title = `${name ?? page ?? 'Overview'} · ${snapshot.value?.pilot ?? ''} · Pilotfish`;
  });
}

export function linkTo(...parts: readonly string[]): string {
  return `#/${parts.map(encodeURIComponent).join('/')}`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // Typed by hand.
    return part;
  }
}
