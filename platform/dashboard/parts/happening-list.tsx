/** What happened, newest first: a time, what it was about, and words. */
import { momentText, reasonText } from '../format.ts';
import { linkTo } from '../state.ts';

export interface Entry {
  readonly timeMs: number;
  readonly kind: string;
  readonly subject: string;
  /** From how many instances to how many. */
  readonly change?: string;
  readonly text: string;
  readonly level: string;
}

const functionKinds = new Set(['deploy', 'scale', 'events', 'trigger']);

interface HappeningListProps {
  readonly entries: readonly Entry[];
  readonly empty: string;
  /** All are about it: its name need not stand in each row. */
  readonly about?: string;
}

export function HappeningList({ entries, empty, about }: HappeningListProps) {
  if (entries.length === 0) return <p class="quiet">{empty}</p>;
  return (
    <ol class={about === undefined ? 'happenings' : 'happenings of-one'}>
      {entries.map((entry) => (
        <li key={`${entry.timeMs} ${entry.kind} ${entry.subject} ${entry.change} ${entry.text}`} class={entry.level}>
          <time dateTime={new Date(entry.timeMs).toISOString()}>{momentText(entry.timeMs)}</time>
          <span class={`kind k-${entry.kind}`}>{entry.level === 'warn' ? `! ${entry.kind}` : entry.kind}</span>
          {about === undefined && <Subject of={entry} />}
          <span class="text">
            {entry.change && <b>{entry.change}</b>} {reasonText(entry.text)}
          </span>
        </li>
      ))}
    </ol>
  );
}

function Subject({ of: { kind, subject } }: { readonly of: Entry }) {
  if (!functionKinds.has(kind) || !subject) return <b>{subject}</b>;
  return <a href={linkTo('functions', subject)}>{subject}</a>;
}
