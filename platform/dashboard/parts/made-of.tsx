/** What a slice was made of; beside another one, also what that was made of, and where they differ. */
import { momentText } from '../format.ts';
import type { Slice } from '../slice.ts';

export interface Shown {
  readonly subject: string;
  readonly sequence: number;
  readonly timeMs: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly slice: Slice | string;
}

/** Functions name what they used in headers of this kind. */
const madeOf = [
  ['Pilotfish-Recon', 'made by'],
  ['Pilotfish-Function', 'function'],
  ['Pilotfish-Version', 'version'],
  ['Pilotfish-Centre', 'rotation axis'],
  ['Pilotfish-Centre-From', 'found by'],
  ['Pilotfish-Frames', 'frames'],
  ['Pilotfish-Missing', 'missing'],
  ['Pilotfish-Node', 'node'],
] as const;

export function MadeOf({ after, before }: { readonly after: Shown; readonly before: Shown | undefined }) {
  return (
    <table class="made">
      {before && (
        <thead>
          <tr>
            <th aria-label="What" />
            <th>before</th>
            <th>after</th>
          </tr>
        </thead>
      )}
      <tbody>
        <Row label="subject" after={after.subject} before={before?.subject} />
        <Row label="stored" after={momentText(after.timeMs)} before={before && momentText(before.timeMs)} />
        <Row label="size" after={sizeText(after.slice)} before={before && sizeText(before.slice)} />
        <Row label="values" after={rangeText(after.slice)} before={before && rangeText(before.slice)} />
        {madeOf.map(([header, label]) => (
          <Row
            key={header}
            label={label}
            after={headerText(after, header)}
            before={before && headerText(before, header)}
          />
        ))}
      </tbody>
    </table>
  );
}

interface RowProps {
  readonly label: string;
  readonly after: string;
  readonly before: string | undefined;
}

function Row({ label, after, before }: RowProps) {
  // Two slices are never stored at once: that they differ in it says nothing.
  const differs = before !== undefined && before !== after && label !== 'stored';
  return (
    <tr class={differs ? 'differs' : ''}>
      <th scope="row">
        {label}
        {differs && <span class="hidden"> (differs)</span>}
      </th>
      {before !== undefined && <td>{before}</td>}
      <td>{after}</td>
    </tr>
  );
}

/** The axis is known to a hundredth of a pixel at best, and is told as it was computed. */
function headerText({ headers }: Shown, header: string): string {
  const text = headers[header] ?? '–';
  const column = header === 'Pilotfish-Centre' ? Number(text) : Number.NaN;
  return Number.isFinite(column) ? `column ${column.toFixed(2)}` : text;
}

/** A picture that was shrunk says so. */
function sizeText(slice: Slice | string): string {
  if (typeof slice === 'string') return '–';
  const { rows, columns, storedRows, storedColumns } = slice;
  const stored = `${storedColumns} × ${storedRows}`;
  return rows === storedRows && columns === storedColumns ? stored : `${stored}, shown as ${columns} × ${rows}`;
}

function rangeText(slice: Slice | string): string {
  return typeof slice === 'string' ? '–' : `${slice.least.toPrecision(3)} to ${slice.most.toPrecision(3)}`;
}
