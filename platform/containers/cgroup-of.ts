/**
 * The path of a container's control group, or where systemd makes it the end of that, by its runtime spec. Undefined where that leaves it
 * to the runtime.
 */
export function cgroupOf(spec: unknown): string | undefined {
  const path = (spec as { readonly linux?: { readonly cgroupsPath?: unknown } } | undefined)?.linux
    ?.cgroupsPath;
  if (typeof path !== 'string' || path === '') return undefined;
  const [, prefix, name] = path.split(':');
  if (prefix === undefined || name === undefined) return path;
  if (name.endsWith('.slice')) return name;
  return prefix === '' ? `${name}.scope` : `${prefix}-${name}.scope`;
}
