import type { BucketRequests, RequestFigures } from '@lade/control-protocol';
import { CodedError } from '@lade/errors';

/** What a cloud asks for, as its customer knows it. A GiB is what clouds bill as a GB. */
export interface Prices {
  readonly currency: string;
  /** When these were the prices. */
  readonly asOf: string;
  readonly per1000Requests: Readonly<Record<keyof BucketRequests, number>>;
  readonly perGiB: { readonly received: number; readonly sent: number; readonly storedForAMonth: number };
}

const CLASSES = ['read', 'write', 'list', 'delete'] as const;
const TRAFFIC = ['received', 'sent', 'storedForAMonth'] as const;
const GIB = 2 ** 30;

/** `name` is what the text is called in errors. Throws `invalid_argument` unless every price is there: one that is missing would look like none. */
export function parsePrices(text: string, name: string): Prices {
  const value = parseJson(text, name) as Partial<Prices> | null;
  const isText = (text: unknown): boolean => typeof text === 'string' && text !== '';
  if (!isText(value?.currency) || !isText(value?.asOf)) throw unusable(name, 'currency and asOf are texts');
  checkNumbers(name, 'per1000Requests', value?.per1000Requests, CLASSES);
  checkNumbers(name, 'perGiB', value?.perGiB, TRAFFIC);
  return value as Prices;
}

export function costOfRequests(requests: BucketRequests, { per1000Requests, perGiB }: Prices): number {
  const costs = CLASSES.map((name) => {
    const figures: RequestFigures = requests[name];
    const traffic = figures.receivedBytes * perGiB.received + figures.sentBytes * perGiB.sent;
    return (figures.requests * per1000Requests[name]) / 1000 + traffic / GIB;
  });
  return costs.reduce((sum, cost) => sum + cost, 0);
}

/** For a month. */
export function costOfStored(bytes: number, { perGiB }: Prices): number {
  return (bytes * perGiB.storedForAMonth) / GIB;
}

function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw unusable(name, 'it is JSON', cause);
  }
}

function checkNumbers(prices: string, name: string, value: unknown, fields: readonly string[]): void {
  const numbers = (value ?? {}) as Readonly<Record<string, unknown>>;
  const wrong = fields.find((field) => !(Number(numbers[field]) >= 0) || typeof numbers[field] !== 'number');
  if (wrong !== undefined) throw unusable(prices, `${name}.${wrong} is a number, 0 or more`);
}

function unusable(name: string, wanted: string, cause?: unknown): CodedError {
  return new CodedError('invalid_argument', `Cannot use prices ${name}: want that ${wanted}`, {
    cure: 'See docs/reference/nodes.md',
    cause,
  });
}
