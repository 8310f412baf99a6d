/**
 * How long operations took, as a Prometheus histogram. One is observed with every request, so that an observation is three
 * additions here, where the library's own hashes all labels again; what is read, at a scrape, is put together then.
 */
interface Sample {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** One series: what its labels say, and what was counted. */
export class Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly #bounds: readonly number[];
  /** By bucket; the last one has no bound. Not cumulative. */
  readonly #counts: number[];
  #sum = 0;

  constructor(labels: Readonly<Record<string, string>>, bounds: readonly number[]) {
    this.labels = labels;
    this.#bounds = bounds;
    this.#counts = [...bounds.map(() => 0), 0];
  }

  /** Counts one duration, in seconds. */
  observe(seconds: number): void {
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && seconds > (bounds[bucket] as number)) bucket++;
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#sum += seconds;
  }

  samples(name: string): Sample[] {
    let count = 0;
    const buckets = this.#counts.map((more, i) => {
      count += more;
      return { metricName: `${name}_bucket`, labels: { le: this.#bounds[i] ?? "+Inf", ...this.labels }, value: count };
    });
    return [
      ...buckets,
      { metricName: `${name}_sum`, labels: this.labels, value: this.#sum },
      { metricName: `${name}_count`, labels: this.labels, value: count },
    ];
  }
}

export class Durations {
  readonly name: string;
  readonly #help: string;
  readonly #bounds: readonly number[];
  readonly #series: Series[] = [];

  /** @param bounds upper bounds of the buckets, in seconds, ascending */
  constructor(name: string, help: string, bounds: readonly number[]) {
    this.name = name;
    this.#help = help;
    this.#bounds = bounds;
  }

  /** Adds a series; the caller keeps it, and sees to it that there is one for each set of labels. */
  series(labels: Readonly<Record<string, string>>): Series {
    const series = new Series(labels, this.#bounds);
    this.#series.push(series);
    return series;
  }

  /** What a registry of prom-client reads at a scrape. */
  get(): Promise<object> {
    const values = this.#series.flatMap((one) => one.samples(this.name));
    return Promise.resolve({ name: this.name, help: this.#help, type: "histogram", values, aggregator: "sum" });
  }
}
