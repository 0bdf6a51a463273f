import type { DaemonEvent } from '@lade/control-protocol';

/** The newest events, at most `capacity`: old ones go as new ones come. */
export class EventRing {
  readonly #slots: DaemonEvent[] = [];
  readonly #capacity: number;
  #next = 0;
  /** How many were ever added. */
  total = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#slots.length;
  }

  add(event: DaemonEvent): void {
    this.#slots[this.#next] = event;
    this.#next = (this.#next + 1) % this.#capacity;
    this.total++;
  }

  /** 0 is the newest. */
  at(age: number): DaemonEvent | undefined {
    if (age >= this.#slots.length) return undefined;
    return this.#slots[(this.#next - 1 - age + this.#capacity) % this.#capacity];
  }

  /** The newest first. */
  newest(count = this.size): DaemonEvent[] {
    return Array.from({ length: Math.min(count, this.size) }, (_, age) => this.at(age) as DaemonEvent);
  }

  clear(): void {
    this.#slots.length = 0;
    this.#next = 0;
  }
}
