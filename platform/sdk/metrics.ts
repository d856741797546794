/** `ctx.metrics`: what a function measures itself, as Prometheus will read it. */

/** Few values each: a label that names an event or a file would make a series of each. */
export type MetricLabels = Readonly<Record<string, string | number | boolean>>;

export interface MetricOptions {
  /** What the metric tells, one line. */
  readonly help?: string;
}

export interface HistogramOptions extends MetricOptions {
  /** Upper bounds, rising. Default: 1 ms to 60 s, for seconds. */
  readonly buckets?: readonly number[];
}

/** Goes up only. */
export interface Counter {
  /** Default: 1. */
  add(value?: number, labels?: MetricLabels): void;
}

/** A value that comes and goes; each node shows the one that was set there last. */
export interface Gauge {
  set(value: number, labels?: MetricLabels): void;
}

export interface Histogram {
  observe(value: number, labels?: MetricLabels): void;
}

/**
 * Names are `[a-z][a-z0-9_]*`, end in their unit, and stand in the gateway's metrics as `pilotfish_user_<name>` with the
 * label `function`; a counter's name ends in `_total`, which is added where it does not. What is wrong or over the bounds is
 * refused with a line in the function's log, once, and never fails an event.
 */
export interface UserMetrics {
  counter(name: string, options?: MetricOptions): Counter;
  gauge(name: string, options?: MetricOptions): Gauge;
  histogram(name: string, options?: HistogramOptions): Histogram;
}
