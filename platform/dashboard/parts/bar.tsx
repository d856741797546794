/** How much of something there is, as a bar; what it says stands beside it in words. */
interface BarProps {
  readonly value: number;
  /** 0 where it is not known yet. */
  readonly max: number;
  readonly label: string;
}

export function Bar({ value, max, label }: BarProps) {
  if (max <= 0) return <span class="bar unknown" role="img" aria-label={`${label}: of how many is not known yet`} />;
  const percent = Math.min(100, Math.max(0, (value / max) * 100));
  return (
    <span class="bar" role="img" aria-label={`${label}: ${percent.toFixed(0)} %`}>
      <i style={{ width: `${percent.toFixed(1)}%` }} />
    </span>
  );
}
