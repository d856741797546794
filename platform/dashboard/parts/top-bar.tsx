/** Name of the pilot, whether it is heard, who is looking, and the way to each page. */
import { signal } from '@preact/signals';
import { spanText } from '../format.ts';
import { isLive, linkTo, reader, route, snapshot } from '../state.ts';

type Theme = 'auto' | 'light' | 'dark';
const themes: readonly Theme[] = ['auto', 'light', 'dark'];
const storageKey = 'pilotfish-theme';

const theme = signal<Theme>(storedTheme());
theme.subscribe((value) => {
  if (value === 'auto') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = value;
});

const pages = [
  ['', 'Overview'],
  ['scans', 'Scans'],
  ['timeline', 'Timeline'],
] as const;

export function TopBar() {
  const [at = ''] = route.value;
  return (
    <header class="top">
      <a class="mark" href={linkTo()}>
        <svg viewBox="0 0 32 20" width="30" height="19" aria-hidden="true">
          <path d="M1 10c5-8 14-9 21-3l8-5-3 8 3 8-8-5C15 19 6 18 1 10Z" fill="currentColor" />
          <circle cx="8.5" cy="8.6" r="1.5" class="eye" />
        </svg>
        <span>pilotfish</span>
      </a>
      <nav aria-label="Pages">
        {pages.map(([page, label]) => (
          <a
            key={page}
            href={linkTo(...(page ? [page] : []))}
            aria-current={at === page || (page === '' && at === 'functions') ? 'page' : undefined}
          >
            {label}
          </a>
        ))}
      </nav>
      <div class="where">
        <Walltime />
        <span class="mono" title="The pilot">
          {snapshot.value?.pilot ?? reader.value?.pilot}
        </span>
        <span class="quiet role" title={`Your certificate names you ${reader.value?.name}`}>
          {reader.value?.role}
        </span>
        <span class={isLive.value ? 'line up' : 'line down'} role="status">
          {isLive.value ? 'live' : 'reconnecting'}
        </span>
        <button
          type="button"
          class="plain"
          onClick={nextTheme}
          aria-label={`Colours: ${theme.value}`}
          title="Colours: as the system has them, light, dark"
        >
          <span class="lesser" aria-hidden="true">
            ◐{' '}
          </span>
          {theme.value}
        </button>
      </div>
    </header>
  );
}

/** Of the job that ends first. */
function Walltime() {
  const now = snapshot.value?.timeMs ?? 0;
  const ends = (snapshot.value?.jobs ?? []).map(({ endsAtMs }) => endsAtMs).filter((end) => end > 0);
  if (ends.length === 0) return null;
  const left = Math.min(...ends) - now;
  return (
    <span class={left < 5 * 60_000 ? 'walltime warn' : 'walltime'} title="Walltime left of the job that ends first">
      {spanText(left)} left
    </span>
  );
}

function nextTheme(): void {
  theme.value = themes[(themes.indexOf(theme.value) + 1) % themes.length] ?? 'auto';
  try {
    localStorage.setItem(storageKey, theme.value);
  } catch {
    // A browser that keeps nothing: it holds until the page is closed.
  }
}

function storedTheme(): Theme {
  try {
    const stored = localStorage.getItem(storageKey);
    return themes.find((each) => each === stored) ?? 'auto';
  } catch {
    return 'auto';
  }
}
