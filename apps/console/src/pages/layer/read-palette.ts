import type { Colour, Palette } from './heat-map.ts';

/** The colours of the map as the style sheet has them at the moment. */
export function readPalette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const value = (name: string): string => style.getPropertyValue(name).trim();
  return {
    missing: parseHex(value('--map-missing')),
    resident: parseHex(value('--map-resident')),
    evicted: parseHex(value('--map-evicted')),
    touched: parseHex(value('--map-touched')),
    ground: value('--map-ground'),
    cursor: value('--text'),
  };
}

function parseHex(text: string): Colour {
  const n = Number.parseInt(text.slice(1), 16);
  return [(n >> 16) & 255, (n >> 8) & 255, n & 255];
}
