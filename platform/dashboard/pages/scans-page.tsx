/** Scans that are coming in or were lately gathered; of the one that is chosen, its reconstruction. */
import { countText, spanText } from '../format.ts';
import { Bar } from '../parts/bar.tsx';
import { PreviewList } from '../parts/preview-list.tsx';
import { SliceViewer } from '../parts/slice-viewer.tsx';
import { type Scan, scansOf } from '../scans.ts';
import { functions, linkTo, may, snapshot } from '../state.ts';

export function ScansPage({ chosen }: { readonly chosen: string | undefined }) {
  const scans = scansOf(functions.value);
  return (
    <>
      <h1>{chosen === undefined ? 'Scans' : `Scan ${chosen}`}</h1>
      {chosen === undefined && may('GetLatestEvent') && <PreviewList />}
      <h2>{chosen === undefined ? 'Coming in, and lately gathered' : 'Parts that have come'}</h2>
      <ScanTable
        scans={scans.filter(({ id }) => chosen === undefined || id === chosen)}
        none={
          chosen === undefined
            ? 'No gather has seen a part since its agent began.'
            : 'Not among those that are coming in or were lately gathered.'
        }
      />
      {chosen !== undefined && may('GetLatestEvent') && (
        <div key={chosen}>
          <SliceViewer scan={chosen} stem="preview" title="Preview while it arrives" none="" />
          <SliceViewer scan={chosen} stem="recon" title="Reconstruction" none="No slice of this scan is stored yet." />
        </div>
      )}
      {chosen !== undefined && (
        <p>
          <a href={linkTo('scans')}>All scans</a>
        </p>
      )}
    </>
  );
}

function ScanTable({ scans, none }: { readonly scans: readonly Scan[]; readonly none: string }) {
  if (scans.length === 0) return <p class="quiet">{none}</p>;
  return (
    <div class="scroll">
      <table class="cards">
        <thead>
          <tr>
            <th>Scan</th>
            <th class="lesser">Gathered by</th>
            <th>Parts</th>
            <th>Missing</th>
            <th>Pieces complete</th>
            <th class="lesser">For</th>
          </tr>
        </thead>
        <tbody>
          {scans.map((scan) => (
            <Row key={`${scan.functionName} ${scan.id}`} scan={scan} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Row({ scan }: { readonly scan: Scan }) {
  const { id, functionName, received, expected, keys, closed, incomplete, openedAtMs, lastPartAtMs } = scan;
  const sum = (counts: Readonly<Record<string, number>>) =>
    Object.values(counts).reduce((total, each) => total + each, 0);
  const isOpen = closed < keys;
  // Without an end marker nobody knows how many there should have been.
  const missing = sum(expected) > 0 ? Math.max(0, sum(expected) - sum(received)) : Number.NaN;
  const until = isOpen ? (snapshot.value?.timeMs ?? lastPartAtMs) : lastPartAtMs;
  const kinds = Object.entries(received).map(([kind, count]) => `${kind || 'parts'} ${count}`);
  return (
    <tr>
      <th scope="row">
        <a href={linkTo('scans', id)}>{id}</a>
      </th>
      <td class="lesser">
        <a href={linkTo('functions', functionName)}>{functionName}</a>
      </td>
      <td class="num" data-title="Parts" title={kinds.join(', ')}>
        <Bar value={sum(received)} max={sum(expected)} label="Parts received" />
        {countText(sum(received))}
        {sum(expected) > 0 && <span class="quiet"> of {countText(sum(expected))}</span>}
      </td>
      <td class={!isOpen && missing > 0 ? 'num bad' : 'num'} data-title="Missing">
        {isOpen ? '–' : countText(missing)}
      </td>
      <td class="num" data-title="Pieces complete">
        {closed - incomplete} of {keys}
        {incomplete > 0 && <b class="bad"> {incomplete} incomplete</b>}
      </td>
      <td class="num lesser">{spanText(until - openedAtMs)}</td>
    </tr>
  );
}
