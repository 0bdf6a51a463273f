import { wrongUsage } from './command.ts';

/** `--filter NAME=VALUE` of a list. */
export const FILTER = { type: 'string', short: 'f', multiple: true, argument: 'NAME=VALUE' } as const;

/** Whether what is listed has one of the values that were asked for. */
type Tests<T> = Readonly<Record<string, (item: T, value: string) => boolean>>;

/** As docker has it: of filters of one name one has to suit, of each name. Throws `invalid_argument` for one that there is not. */
export function parseFilters<T>(texts: readonly string[] = [], tests: Tests<T>): (item: T) => boolean {
  const wanted = new Map<string, string[]>();
  for (const text of texts) {
    const [, name = '', value = ''] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
    if (!Object.hasOwn(tests, name))
      throw wrongUsage(
        `there is no filter ${JSON.stringify(text)}`,
        `Use ${Object.keys(tests)
          .map((each) => `--filter ${each}=…`)
          .join(' or ')}`,
      );
    wanted.set(name, [...(wanted.get(name) ?? []), value]);
  }
  return (item) => [...wanted].every(([name, values]) => values.some((value) => tests[name]?.(item, value)));
}
