/**
 * What the door for HTTP shows besides functions' triggers: the dashboard's files (page-files.ts), the gateway's own
 * methods as JSON (method-door.ts, method-requests.ts), each under the rules of gRPC, and the page that monitoring reads
 * (metrics-text.ts; families.ts names what is on it). pages.ts is the way in.
 */
export { metricsText } from './metrics-text.ts';
export { Pages, type PagesOptions } from './pages.ts';
