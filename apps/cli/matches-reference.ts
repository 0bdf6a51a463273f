import { matchesGlob } from 'node:path';

/** In full, or as people write it, with or without the tag; * and ? stand for any letters but slashes. */
export function matchesReference(name: string, pattern: string): boolean {
  const short = name.replace(/^docker\.io\/(?:library\/)?/, '');
  const forms = [name, short].flatMap((form) => [form, form.replace(/:[^:/]*$/, '')]);
  return forms.some((form) => matchesGlob(form, pattern));
}
