/** The contents of every element of that name, in order; for answers whose elements do not nest in their like. */
export function elementsOf(xml: string, name: string): string[] {
  const pattern = new RegExp(`<${name}(?:\\s[^>]*)?>([\\s\\S]*?)</${name}>`, 'g');
  return [...xml.matchAll(pattern)].map(([, content = '']) => content);
}

/** The text of the first element of that name; '' without one. */
export function textOf(xml: string, name: string): string {
  const [content = ''] = elementsOf(xml, name);
  return content.replaceAll(/&(?:#(\d+)|#x([\da-f]+)|(lt|gt|quot|apos|amp));/gi, (_, decimal, hex, entity) =>
    entity === undefined
      ? String.fromCodePoint(decimal === undefined ? parseInt(hex as string, 16) : Number(decimal))
      : (ENTITIES[entity as string] ?? ''),
  );
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };

export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
