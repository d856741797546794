/** Everything that happened, with a choice of what is shown. */
import { useSignal } from '@preact/signals';
import { entries } from '../entries.ts';
import { HappeningList } from '../parts/happening-list.tsx';

const kinds = ['deploy', 'scale', 'node', 'trigger', 'events', 'access'] as const;
const shownMax = 300;

export function TimelinePage() {
  const hidden = useSignal<readonly string[]>([]);
  const toggle = (kind: string): void => {
    hidden.value = hidden.value.includes(kind) ? hidden.value.filter((each) => each !== kind) : [...hidden.value, kind];
  };
  return (
    <>
      <h1>Timeline</h1>
      <fieldset class="filters">
        <legend class="quiet">Show</legend>
        {kinds.map((kind) => (
          <label key={kind}>
            <input type="checkbox" checked={!hidden.value.includes(kind)} onChange={() => toggle(kind)} /> {kind}
          </label>
        ))}
      </fieldset>
      <HappeningList
        entries={entries(shownMax, ({ kind }) => !hidden.value.includes(kind))}
        empty="Nothing of that kind has happened yet."
      />
    </>
  );
}
