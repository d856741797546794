/** What happened, newest first: a time, what it was about, and words. */
import { clockText, reasonText } from '../format.ts';
import { linkTo } from '../state.ts';

export interface Entry {
  readonly timeMs: number;
  readonly kind: string;
  readonly subject: string;
  readonly text: string;
  readonly level: string;
}

const functionKinds = new Set(['deploy', 'scale', 'events', 'trigger']);

export function HappeningList({ entries, empty }: { readonly entries: readonly Entry[]; readonly empty: string }) {
  if (entries.length === 0) return <p class="quiet">{empty}</p>;
  return (
    <ol class="happenings">
      {entries.map((entry) => (
        <li key={`${entry.timeMs} ${entry.kind} ${entry.subject} ${entry.text}`} class={entry.level}>
          <time dateTime={new Date(entry.timeMs).toISOString()}>{clockText(entry.timeMs)}</time>
          <span class={`kind k-${entry.kind}`}>{entry.level === 'warn' ? `! ${entry.kind}` : entry.kind}</span>
          {functionKinds.has(entry.kind) && entry.subject ? (
            <a href={linkTo('functions', entry.subject)}>{entry.subject}</a>
          ) : (
            <b>{entry.subject}</b>
          )}
          <span class="text">{reasonText(entry.text)}</span>
        </li>
      ))}
    </ol>
  );
}
