import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { CodedError } from '@lade/errors';

/** Where Debian packages come from on this machine. */
export interface Mirror {
  /** Base URI of the archive as apt understands it, without a trailing slash. */
  readonly uri: string;
  /** The keyring that verifies it. */
  readonly keyring: string;
}

/** One archive of an apt source: sources.list(5), either format. */
interface Source {
  readonly uri: string;
  readonly suites: readonly string[];
  readonly components: readonly string[];
  readonly signedBy: string | undefined;
  readonly enabled: boolean;
}

const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

const DEBIAN_SUITE =
  /^(?:(?:old)*stable|testing|unstable|sid|buster|bullseye|bookworm|trixie|forky|duke)(?:-updates)?$/;

/**
 * The Debian archive that the machine's own apt sources name: the first one that is enabled, or else the first one
 * that is not. `etc` is apt's configuration folder. Throws `failed_precondition`, with the cure, when there is none or
 * when Debian's keyring is not installed.
 */
export async function findMirror(etc = '/etc/apt', keyring = KEYRING): Promise<Mirror> {
  const archives = (await readSources(etc)).filter(isDebianArchive);
  const source = archives.find((s) => s.enabled) ?? archives[0];
  if (source === undefined) {
    throw new CodedError(
      'failed_precondition',
      `Cannot find a Debian archive in ${etc}: no source names a Debian suite`,
      {
        cure: `Put a deb822 source with the URI of a Debian archive, "Suites: stable", "Components: main" and "Enabled: no" into ${etc}/sources.list.d/debian.sources; apt itself ignores it then`,
      },
    );
  }
  await readFile(keyring).catch((cause: unknown) => {
    throw new CodedError('failed_precondition', `Cannot verify Debian packages: ${keyring} is missing`, {
      cure: 'Install the package debian-archive-keyring',
      cause,
    });
  });
  return { uri: source.uri.replace(/\/+$/, ''), keyring };
}

/** Other vendors also use Debian's suite names for their own archives, signed with their own keys. */
function isDebianArchive(source: Source): boolean {
  const ownKey = source.signedBy !== undefined && !/debian-archive/.test(source.signedBy);
  return (
    !ownKey &&
    source.components.includes('main') &&
    source.suites.some((suite) => DEBIAN_SUITE.test(suite)) &&
    !source.uri.startsWith('cdrom:')
  );
}

async function readSources(etc: string): Promise<Source[]> {
  const parts = await readdir(join(etc, 'sources.list.d')).catch(() => []);
  const files = ['sources.list', ...parts.sort().map((name) => `sources.list.d/${name}`)];
  const sources: Source[] = [];
  for (const file of files) {
    const text = await readFile(join(etc, file), 'utf8').catch(() => '');
    if (file.endsWith('.list')) sources.push(...parseOneLineSources(text));
    if (file.endsWith('.sources')) sources.push(...parseDeb822Sources(text));
  }
  return sources;
}

function parseOneLineSources(text: string): Source[] {
  const sources: Source[] = [];
  for (const line of text.split('\n')) {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]*)/.exec(line);
    if (!match) continue;
    const [, options = '', uri = '', suite = '', components = ''] = match;
    sources.push({
      uri,
      suites: [suite],
      components: words(components),
      signedBy: /signed-by=(\S+)/i.exec(options)?.[1],
      enabled: true,
    });
  }
  return sources;
}

function parseDeb822Sources(text: string): Source[] {
  return text
    .split(/\n(?:[ \t]*\n)+/)
    .map(parseFields)
    .filter((fields) => words(fields.get('types')).includes('deb'))
    .flatMap((fields) =>
      words(fields.get('uris')).map((uri) => ({
        uri,
        suites: words(fields.get('suites')),
        components: words(fields.get('components')),
        signedBy: fields.get('signed-by'),
        enabled: !/^(?:no|false|without|off|disable)$/i.test(fields.get('enabled') ?? ''),
      })),
    );
}

/** Fields of one deb822 paragraph by lower-case name; a continued value is joined with line feeds. */
function parseFields(paragraph: string): Map<string, string> {
  const fields = new Map<string, string>();
  let name = '';
  for (const line of paragraph.split('\n')) {
    if (line.startsWith('#')) continue;
    const field = /^([^\s:]+):\s*(.*?)\s*$/.exec(line);
    if (field?.[1] !== undefined) {
      name = field[1].toLowerCase();
      fields.set(name, field[2] ?? '');
    } else if (name !== '' && line.trim() !== '') {
      fields.set(name, `${fields.get(name)}\n${line.trim()}`.trim());
    }
  }
  return fields;
}

function words(text: string | undefined): string[] {
  return text?.split(/\s+/).filter((word) => word !== '') ?? [];
}
