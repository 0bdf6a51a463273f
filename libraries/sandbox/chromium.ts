import { mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface Chromium {
  readonly executable: string;
  readonly env: Readonly<Record<string, string>>;
}

/** Debian's library folders of this machine's architecture. */
const LIBRARIES = { x64: 'x86_64-linux-gnu', arm64: 'aarch64-linux-gnu' } as Readonly<Record<string, string>>;
/** What the package libc6 brings: it has to be of one build with the loader, and that is the machine's. */
const LIBC =
  /^(?:ld-linux|lib(?:c|m|mvec|dl|rt|pthread|resolv|util|anl|nsl|BrokenLocale|thread_db|memusage|pcprofile|c_malloc_debug|nss_\w+)\.so)/;

/**
 * How to run the browser of the package set `chromium` that was unpacked into `packages`: with the libraries and the fonts
 * of the packages, with nothing of the machine's but its libc. `folder` has to be empty, and takes what that needs.
 */
export async function prepareChromium(packages: string, folder: string): Promise<Chromium> {
  const libraries = join(folder, 'libraries');
  await mkdir(libraries, { recursive: true });
  const name = LIBRARIES[process.arch] ?? '';
  for (const source of [`lib/${name}`, `usr/lib/${name}`, `usr/lib/${name}/pulseaudio`]) {
    for (const file of await readdir(join(packages, source))) {
      if (LIBC.test(file) || !file.includes('.so')) continue;
      await symlink(join(packages, source, file), join(libraries, file)).catch(keepFirst);
    }
  }
  const fonts = join(folder, 'fonts.conf');
  await writeFile(fonts, fontConfiguration(join(packages, 'usr/share/fonts'), join(folder, 'font-cache')));
  return {
    executable: join(packages, 'usr/lib/chromium/chromium-headless-shell'),
    env: { LD_LIBRARY_PATH: libraries, FONTCONFIG_FILE: fonts, HOME: folder, TMPDIR: folder },
  };
}

function keepFirst(reason: unknown): void {
  if ((reason as NodeJS.ErrnoException).code !== 'EEXIST') throw reason;
}

/** fonts.conf(5): only these fonts, so that pages look alike on every machine. */
function fontConfiguration(fonts: string, cache: string): string {
  const families = [
    ['system-ui', 'Inter'],
    ['sans-serif', 'Inter'],
    ['monospace', 'DejaVu Sans Mono'],
  ];
  const aliases = families.map(
    ([family, font]) =>
      `<alias><family>${family}</family><prefer><family>${font}</family><family>WenQuanYi Micro Hei</family></prefer></alias>`,
  );
  return `<?xml version="1.0"?><fontconfig><dir>${fonts}</dir><cachedir>${cache}</cachedir>${aliases.join('')}</fontconfig>\n`;
}
