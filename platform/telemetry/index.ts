/** Structured logs of the platform's own processes. */
export { createLogger, type Logger } from './logger.ts';
