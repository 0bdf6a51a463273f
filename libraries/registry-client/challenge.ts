/** One way in which a server wants to be asked (RFC 9110 §11.6.1). */
export interface Challenge {
  /** In lower case: "bearer", "basic". */
  readonly scheme: string;
  /** By name in lower case. */
  readonly parameters: Readonly<Record<string, string>>;
}

const PART = /([\w-]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+)))?/g;

/** The challenges of a WWW-Authenticate header, in its order; several such headers are one, with commas. */
export function parseChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  for (const [part, name = '', quoted, plain] of header.matchAll(PART)) {
    if (part === name) challenges.push({ scheme: name.toLowerCase(), parameters: {} });
    const value = quoted?.replaceAll(/\\(.)/g, '$1') ?? plain;
    const last = challenges.at(-1);
    if (last && value !== undefined) last.parameters[name.toLowerCase()] = value;
  }
  return challenges;
}
