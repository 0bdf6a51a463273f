import { createCipheriv } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { chmod, chown, copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { ImageRecipe, LayerRecipe } from './assemble-image.ts';
import { ODD_LAYERS } from './odd-layers.ts';

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** The least that a shell and the usual tools need; every other image stands on it. */
const BASE_PACKAGES =
  'base-files base-passwd bash coreutils dash debianutils diffutils findutils grep gzip hostname libc-bin mawk ncurses-base netbase sed tar';

const SCIENTIFIC_PACKAGES =
  'python3-numpy python3-scipy python3-pandas python3-matplotlib python3-sklearn python3-skimage python3-statsmodels';

const NGINX_CONF = `daemon on;
events {}
http {
  include /etc/nginx/mime.types;
  access_log off;
  server {
    listen 127.0.0.1:80;
    root /app;
  }
}
`;

interface AppImage {
  readonly packages: readonly string[];
  readonly command: readonly string[];
  readonly environment?: readonly string[];
  readonly user?: string;
  readonly files?: Readonly<Record<string, string>>;
}

/**
 * Every image that tests, benchmarks and the tour use; all but those of FOUNDATIONS stand on `base`. Those of applications
 * have the size and shape of what people run.
 */
export const RECIPES = {
  base: plainRecipe('base', [{ packages: BASE_PACKAGES.split(' '), fill: fillBase }]),
  // One program, and not a byte in common with any other image.
  busybox: plainRecipe('busybox', [{ packages: ['busybox-static'] }]),
  'small-files': plainRecipe(
    'small-files',
    [0, 1].map((part) => ({ fill: async (root) => fillSmallFiles(root, part) })),
  ),
  'big-file': plainRecipe('big-file', [{ fill: fillBigFile }]),
  odd: plainRecipe(
    'odd',
    ODD_LAYERS.map((tar) => ({ tar })),
  ),
  python: appRecipe('python', {
    packages: ['python3'],
    command: ['python3', '/app/main.py'],
    environment: ['PYTHONUNBUFFERED=1'],
    files: {
      'main.py': 'from app import answer\nprint(answer())\n',
      'app.py': 'def answer():\n    return 6 * 7\n',
    },
  }),
  node: appRecipe('node', {
    packages: ['nodejs'],
    command: ['node', '/app/main.js'],
    files: { 'main.js': 'console.log(6 * 7)\n' },
  }),
  ruby: appRecipe('ruby', { packages: ['ruby'], command: ['ruby', '--version'] }),
  openjdk: appRecipe('openjdk', {
    packages: ['openjdk-17-jre-headless', 'ant'],
    command: ['java', '--version'],
    environment: [`${PATH}:/usr/lib/jvm/java-17-openjdk-amd64/bin:/usr/lib/jvm/java-17-openjdk-arm64/bin`],
    files: {
      'build.xml': '<project default="ready"><target name="ready"><echo>ready</echo></target></project>\n',
    },
  }),
  postgres: appRecipe('postgres', {
    packages: ['postgresql-15'],
    command: ['postgres', '--version'],
    environment: [`${PATH}:/usr/lib/postgresql/15/bin`],
    // The server refuses to run as root.
    user: 'nobody',
  }),
  nginx: appRecipe('nginx', {
    packages: ['nginx-light'],
    command: ['nginx', '-v'],
    files: { 'index.html': 'a page\n', 'nginx.conf': NGINX_CONF },
  }),
  redis: appRecipe('redis', { packages: ['redis-server'], command: ['redis-server', '--version'] }),
  scientific: appRecipe('scientific', {
    packages: SCIENTIFIC_PACKAGES.split(' '),
    command: ['python3', '--version'],
    // Debian chooses among implementations by links that only scripts of packages make.
    environment: [`LD_LIBRARY_PATH=${['blas', 'lapack'].flatMap(librariesOf).join(':')}`],
  }),
} as const satisfies Record<string, ImageRecipe>;

export type ImageName = keyof typeof RECIPES;

/** Images that stand on nothing. */
export const FOUNDATIONS: readonly ImageName[] = ['base', 'busybox'];

function plainRecipe(name: string, layers: readonly LayerRecipe[]): ImageRecipe {
  return { name: `${name}:latest`, config: { Env: [PATH], Cmd: ['true'] }, layers };
}

function appRecipe(name: string, app: AppImage): ImageRecipe {
  const { packages, command, environment = [], user = 'root', files = { README: `${name}\n` } } = app;
  const config = { Env: [PATH, ...environment], Cmd: command, User: user, WorkingDir: '/app' };
  return {
    name: `${name}:latest`,
    config,
    layers: [{ packages }, { fill: async (root) => fillApp(root, files) }],
  };
}

function librariesOf(name: string): string[] {
  return ['x86_64', 'aarch64'].map((machine) => `/usr/lib/${machine}-linux-gnu/${name}`);
}

async function fillApp(root: string, files: Readonly<Record<string, string>>): Promise<void> {
  await mkdir(join(root, 'app'));
  for (const [name, text] of Object.entries(files)) await writeFile(join(root, 'app', name), text);
}

/** What the scripts of base-passwd and base-files would have done, as far as programs look for it. */
async function fillBase(root: string): Promise<void> {
  for (const name of ['passwd', 'group']) {
    await copyFile(join(root, `usr/share/base-passwd/${name}.master`), join(root, 'etc', name));
    await chmod(join(root, 'etc', name), 0o644);
  }
  await writeFile(join(root, 'etc/hostname'), 'localhost\n');
}

const SMALL_FILES = 16_000;

/** A tree as of an interpreter's modules: 16,000 files of 0 to 4 KiB, 100 to a folder, no two alike. */
async function fillSmallFiles(root: string, part: number): Promise<void> {
  for (let i = 0; i < SMALL_FILES; i++) {
    const folder = join(root, 'srv/modules', `part-${part}`, `package-${Math.floor(i / 100)}`);
    if (i % 100 === 0) await mkdir(folder, { recursive: true });
    const line = `export const value${part}_${i} = ${(i * 2_654_435_761) % 4_294_967_296};\n`;
    const file = join(folder, `module-${i % 100}.js`);
    await writeFile(file, line.repeat((i * 7) % 100));
    if (i % 50 === 0) await chown(file, 1000, 1000);
  }
}

const MIB = 1024 * 1024;

/** One file of 1 GiB: every MiB is one half noise and one half a text that no other MiB has. */
async function fillBigFile(root: string): Promise<void> {
  await mkdir(join(root, 'srv'));
  await pipeline(bigFile(1024), createWriteStream(join(root, 'srv/big-file')));
}

async function* bigFile(mebibytes: number): AsyncGenerator<Uint8Array> {
  const noise = createCipheriv('aes-128-ctr', Buffer.alloc(16, 1), Buffer.alloc(16));
  const zeros = Buffer.alloc(MIB / 2);
  for (let i = 0; i < mebibytes; i++)
    yield Buffer.concat([noise.update(zeros), Buffer.alloc(MIB / 2, `line ${i}\n`)]);
}
