/**
 * A list whose members come and go with every request. It is no Set: the table of a Set outlives its members, and what an
 * old table still points at is kept by every young-generation collection, request after request, until a full one.
 */

/** A place in a ring; alone it is a ring of its own. A ring is known by one place that holds nothing. */
export class Place<T> {
  value: T | undefined;
  next: Place<T> = this;
  previous: Place<T> = this;

  constructor(value: T | undefined) {
    this.value = value;
  }

  /** Becomes the last of a ring. */
  enter(ring: Place<T>): void {
    this.next = ring;
    this.previous = ring.previous;
    ring.previous.next = this;
    ring.previous = this;
  }

  /** Leaves its ring, and points at nothing of it any more. */
  leave(): void {
    this.previous.next = this.next;
    this.next.previous = this.previous;
    this.next = this;
    this.previous = this;
    this.value = undefined;
  }

  /** What the ring holds at this moment, in the order of entering: whoever leaves later is in the list all the same. */
  values(): T[] {
    const values: T[] = [];
    for (let place = this.next; place !== this; place = place.next) {
      if (place.value !== undefined) values.push(place.value);
    }
    return values;
  }
}
