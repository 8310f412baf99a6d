/** A clock that a test turns by hand. */
import type { Clock } from "@smcp/core";

export class TestClock implements Clock {
  wall = 1_800_000_000_000;
  steady = 5_000;
  readonly now = (): number => this.wall;
  readonly elapsed = (): number => this.steady;

  pass(duration: number): void {
    this.wall += duration;
    this.steady += duration;
  }
}
