/** Throughput over instances as the Universal Scalability Law was fitted to it, with the point where the function is now. */
import type { ScalabilityFit } from '#proto';
import { rateText } from '../format.ts';

interface FitProps {
  readonly fit: ScalabilityFit | undefined;
  readonly ready: number;
  readonly max: number;
}

const width = 320;
const height = 150;
const left = 44;
const bottom = 20;
/** Below this the fit bounds nothing yet. */
const trusted = 0.9;

export function FitChart({ fit, ready, max }: FitProps) {
  if (!fit) {
    return (
      <figure class="chart">
        <figcaption>
          <h3>Scalability</h3>
        </figcaption>
        <p class="quiet plot-empty">Too little is known: it takes load at several numbers of instances.</p>
      </figure>
    );
  }
  const { lambda, sigma, kappa, confidence, best } = fit;
  const most = Math.max(4, Math.min(max, 64), ready);
  const at = (n: number): number => (lambda * n) / (1 + sigma * (n - 1) + kappa * n * (n - 1));
  const counts = Array.from({ length: most }, (_, index) => index + 1);
  const top = Math.max(...counts.map(at), 1e-9) * 1.1;
  const x = (n: number): number => left + ((n - 1) / Math.max(1, most - 1)) * (width - left - 10);
  const y = (rate: number): number => height - bottom - (rate / top) * (height - bottom - 6);
  const line = counts.map((n) => `${x(n).toFixed(1)},${y(at(n)).toFixed(1)}`).join(' ');
  return (
    <figure class="chart">
      <figcaption>
        <h3>Scalability</h3>
        <span class="legend">
          {confidence < trusted ? 'not trusted yet, ' : ''}
          {best > 0 ? (
            <>
              best at <b>{best}</b>
            </>
          ) : (
            'more always helps'
          )}
        </span>
      </figcaption>
      <svg
        class="fit"
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label={`Fit: lambda ${lambda.toFixed(1)}, sigma ${sigma.toFixed(3)}, kappa ${kappa.toFixed(4)}, confidence ${confidence.toFixed(2)}`}
      >
        {[0, 0.5, 1].map((share) => (
          <g key={share}>
            <line class="rule" x1={left} x2={width - 10} y1={y((top / 1.1) * share)} y2={y((top / 1.1) * share)} />
            <text x={left - 6} y={y((top / 1.1) * share) + 4} text-anchor="end">
              {rateText((top / 1.1) * share)}
            </text>
          </g>
        ))}
        <text x={left} y={height - 4}>
          1
        </text>
        <text x={width - 10} y={height - 4} text-anchor="end">
          {most} instances
        </text>
        <polyline points={line} />
        {best > 0 && <line class="best" x1={x(best)} x2={x(best)} y1={6} y2={height - bottom} />}
        {ready > 0 && <circle cx={x(ready)} cy={y(at(ready))} r="4" />}
      </svg>
      <p class="quiet coefficients">
        λ {rateText(lambda)}/s · σ {sigma.toFixed(3)} · κ {kappa.toFixed(4)} · confidence {confidence.toFixed(2)}
      </p>
    </figure>
  );
}
