/** What growth costs, row by row, and which of the targets it breaks next: seen between two sizes, or where a straight line leads. */

export interface ScaleRow {
  readonly agents: number;
  readonly instances: number;
  readonly appliedMs: number;
  readonly appliedMsMax: number;
  readonly roundMs: number;
  readonly roundMsMax: number;
  /** Of one core. */
  readonly gatewayCpuPercent: number;
  readonly gatewayMiB: number;
  readonly brokerCpuPercent: number;
  readonly reconnectMs: number;
}

export interface Break {
  readonly what: string;
  /** At so many agents; endless where it does not grow. */
  readonly agents: number;
  /** Both sides of the limit were measured. */
  readonly seen: boolean;
}

interface Limit {
  readonly what: string;
  readonly limit: number;
  readonly of: (row: ScaleRow) => number;
}

const limits: readonly Limit[] = [
  { what: 'a change applied in 2 s', limit: 2_000, of: ({ appliedMs }) => appliedMs },
  { what: 'a round in 100 ms', limit: 100, of: ({ roundMs }) => roundMs },
  { what: 'the gateway in 25 % of a core', limit: 25, of: ({ gatewayCpuPercent }) => gatewayCpuPercent },
  { what: 'the gateway in 600 MiB', limit: 600, of: ({ gatewayMiB }) => gatewayMiB },
  { what: 'all back 10 s after a restart', limit: 10_000, of: ({ reconnectMs }) => reconnectMs },
];

/** The next one first. Rows in the order of their sizes, two at least. */
export function breaksOf(rows: readonly ScaleRow[]): Break[] {
  return limits.map((limit) => breakOf(limit, rows)).sort((a, b) => a.agents - b.agents);
}

function breakOf({ what, limit, of }: Limit, rows: readonly ScaleRow[]): Break {
  const past = rows.findIndex((row) => of(row) > limit);
  const seen = past > 0;
  const to = rows[seen ? past : rows.length - 1];
  const from = rows[seen ? past - 1 : rows.length - 2];
  if (past === 0) return { what, agents: rows[0]?.agents ?? 0, seen: true };
  if (!from || !to) return { what, agents: Number.POSITIVE_INFINITY, seen };
  const perAgent = (of(to) - of(from)) / (to.agents - from.agents);
  const agents = perAgent > 0 ? from.agents + (limit - of(from)) / perAgent : Number.POSITIVE_INFINITY;
  return { what, agents, seen };
}

export function growthText(rows: readonly ScaleRow[]): string {
  const head =
    'agents  instances  applied (max)      round (max)      gateway              broker    all back after a restart';
  const lines = rows.map((row) =>
    [
      String(row.agents).padStart(6),
      String(row.instances).padStart(10),
      `${Math.round(row.appliedMs)} (${Math.round(row.appliedMsMax)}) ms`.padStart(18),
      `${row.roundMs.toFixed(1)} (${row.roundMsMax.toFixed(0)}) ms`.padStart(17),
      `${row.gatewayCpuPercent.toFixed(1)} % ${Math.round(row.gatewayMiB)} MiB`.padStart(18),
      `${row.brokerCpuPercent.toFixed(1)} %`.padStart(9),
      `${(row.reconnectMs / 1_000).toFixed(1)} s`.padStart(8),
    ].join(' '),
  );
  return [head, ...lines, ...(rows.length > 1 ? ['', breaksText(breaksOf(rows))] : [])].join('\n');
}

function breaksText(breaks: readonly Break[]): string {
  const lines = breaks.map(({ what, agents, seen }) => {
    if (agents === Number.POSITIVE_INFINITY) return `  ${what}: does not grow`;
    const count = Math.round(agents).toLocaleString('en-US');
    return `  ${what}: at ${count} agents, ${seen ? 'as measured' : 'going on in a straight line'}`;
  });
  return ['What breaks next:', ...lines].join('\n');
}
