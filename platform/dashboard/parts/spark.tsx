/** A line as high as a row of text: how a value went in the last minutes. */
interface SparkProps {
  readonly values: readonly (number | null)[];
  readonly label: string;
}

const samples = 90;
const width = 120;
const height = 22;

export function Spark({ values, label }: SparkProps) {
  const shown = values.slice(-samples);
  const known = shown.filter((value) => value !== null);
  const most = Math.max(...known, 1e-9);
  const step = width / (samples - 1);
  const from = samples - shown.length;
  const points = shown.flatMap((value, at) =>
    value === null
      ? []
      : [`${((from + at) * step).toFixed(1)},${(height - 2 - (value / most) * (height - 4)).toFixed(1)}`],
  );
  return (
    <svg class="spark" viewBox={`0 0 ${width} ${height}`} width={width} height={height} role="img" aria-label={label}>
      {points.length > 1 && (
        <>
          <polygon points={`${points[0]?.split(',')[0]},${height} ${points.join(' ')} ${width},${height}`} />
          <polyline points={points.join(' ')} />
        </>
      )}
    </svg>
  );
}
