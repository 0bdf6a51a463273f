const MAX_SUGGESTIONS = 3;

/** Those of `names` whose repository ends like that of `wanted`: its own forms first, other tags after them. */
export function similarNames(wanted: string, names: readonly string[]): string[] {
  const isLongForm = (name: string): boolean => name.endsWith(`/${wanted}`) || name.startsWith(`${wanted}:`);
  const related = names.filter((name) => isLongForm(name) || lastPart(name) === lastPart(wanted));
  const rank = (name: string): number => (isLongForm(name) ? 0 : 1);
  return related.sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1)).slice(0, MAX_SUGGESTIONS);
}

/** "docker.io/library/python:3.12" → "python". */
function lastPart(name: string): string {
  return name.replace(/@.*$/, '').replace(/^.*\//, '').replace(/:.*$/, '');
}
