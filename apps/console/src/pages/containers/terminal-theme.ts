import type { ITheme } from '@xterm/xterm';

/** The colours of the console as the style sheet has them at the moment. */
export function terminalTheme(): ITheme {
  const style = getComputedStyle(document.documentElement);
  const value = (name: string): string => style.getPropertyValue(name).trim();
  const [background, foreground] = [value('--sunken'), value('--text')];
  return {
    background,
    foreground,
    cursor: value('--accent'),
    cursorAccent: background,
    selectionBackground: `${value('--accent')}40`,
    red: value('--bad'),
    green: value('--good'),
    yellow: value('--warn'),
    blue: value('--violet'),
    cyan: value('--accent'),
    brightCyan: value('--accent'),
    brightGreen: value('--good'),
    brightRed: value('--bad'),
  };
}
