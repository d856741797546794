/**
 * What the door for HTTP shows besides functions' triggers: the dashboard's files (page-files.ts) and the gateway's own
 * methods as JSON (method-door.ts, method-requests.ts), each under the rules of gRPC. pages.ts is the way in.
 */
export { Pages, type PagesOptions } from './pages.ts';
