/** How many instances there are and, where it differs, are wanted; as small marks, too: full ones are ready, hollow ones are wanted and not there yet; of many, a number only. */
interface PipsProps {
  readonly ready: number;
  readonly wanted: number;
  readonly max: number;
}

const drawnMax = 12;

export function Pips({ ready, wanted, max }: PipsProps) {
  const count = Math.max(ready, wanted);
  const said = `${ready} ready of ${wanted} wanted, at most ${max}`;
  return (
    <span class="pips" title={said}>
      <span class="num">
        {ready}
        {ready !== wanted && <span class="quiet"> → {wanted}</span>}
      </span>
      {count <= drawnMax && (
        <span aria-hidden="true">
          {Array.from({ length: count }, (_, at) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a mark is its place.
            <i key={at} class={at < ready ? (at < wanted ? 'pip' : 'pip extra') : 'pip hollow'} />
          ))}
        </span>
      )}
    </span>
  );
}
