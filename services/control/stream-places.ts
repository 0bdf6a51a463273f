import { RequestRefusal } from './request-refusal.ts';

/** Bounds how many streams are open at the same time. */
export class StreamPlaces {
  readonly #places: number;
  #taken = 0;

  constructor(places: number) {
    this.#places = places;
  }

  /** Throws a refusal when all are taken. */
  take(): Disposable {
    if (this.#taken === this.#places) {
      const message = `Cannot open another stream: ${this.#places} are open`;
      throw new RequestRefusal(429, 'resource_exhausted', message, {
        cure: 'Close one of them, or follow one stream from several places',
      });
    }
    this.#taken++;
    return { [Symbol.dispose]: () => void this.#taken-- };
  }
}
