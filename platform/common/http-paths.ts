/** Paths of the gateway's door for HTTP: which are its own, and what a function's trigger may ask for. */

/** What the dashboard (`/ui/...`) and the exposition of metrics begin with. */
const ownSegments: ReadonlySet<string> = new Set(['ui', 'metrics']);

/** One to eight segments; "*" stands for any one. */
export const httpPathPattern = /^(\/(\*|[A-Za-z0-9_-]+)){1,8}$/;

/** True where the gateway answers itself: no function's trigger is asked. */
export function isGatewayPath(path: string): boolean {
  return path === '/' || ownSegments.has(path.split('/', 2)[1] ?? '');
}

export const gatewayPathsText = '"/", "/ui" and "/metrics", with all below them, are answered by the gateway itself';
