import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Environment, TrafficLimits } from '@lade/bucket';
import { CodedError, wrapError } from '@lade/errors';
import { parseChainKey, type ChainKeys } from '@lade/layers';
import type { LogLevel } from '@lade/log';
import type { FillModeName } from '@lade/residency';

/** What `lade serve` runs with, complete and checked. */
export interface DaemonConfig {
  /** Everything this node keeps; absolute. */
  readonly root: string;
  /** The unix socket that containerd dials. */
  readonly address: string;
  readonly bucketUrl: string;
  /** Where the bucket's credentials may be. */
  readonly environment: Environment;
  readonly bucketLimits: TrafficLimits;
  /** containerd's own socket: for reading the layers that it asks us to apply. */
  readonly containerd: string;
  readonly http: { readonly host: string; readonly port: number } | undefined;
  /** docker's config.json with the logins of registries; it may be missing. */
  readonly registryConfig: string;
  /** The variables that say by which proxies registries are reached. */
  readonly proxies: Readonly<Record<string, string | undefined>>;
  /** Where the token of the control API over TCP is, or is made. */
  readonly tokenFile: string;
  readonly keys: ChainKeys;
  /** Whether OCI content that the bucket has counts as present on this node. */
  readonly sharedContent: boolean;
  readonly maxLayerBytes: number;
  /** How layers of the bucket get their bytes; `auto`: the best way that this kernel has. */
  readonly fill: FillModeName | 'auto';
  /** For the layers of this node together; undefined: as much as the disk has. */
  readonly cacheBytes: number | undefined;
  /** For OCI content of this node that the bucket has too; undefined: it stays as long as containerd wants it. */
  readonly contentCacheBytes: number | undefined;
  /** For completing layers that are in use; 0: they are never completed. */
  readonly backgroundBytesPerSecond: number;
  /** A reader for whom the bucket gives nothing for so long gets an error. */
  readonly readDeadlineMs: number;
  /** Whether this node tells the bucket which chunks the start of a container touches. */
  readonly recordStarts: boolean;
  /** Whether this node tells the bucket how it is doing. */
  readonly recordNode: boolean;
  /** Whether the keeper starts this daemon again after a crash; else something else does. */
  readonly restart: boolean;
  readonly logLevel: LogLevel;
  /** OpenTelemetry's variables, OTEL_…. */
  readonly telemetry: Readonly<Record<string, string | undefined>>;
}

/** Name → default; every one is a flag, a LADE_… variable and a key of the configuration file, in that order of precedence. */
const SETTINGS = {
  root: '/var/lib/lade',
  address: '/run/lade/lade.sock',
  bucket: '',
  'bucket-requests-per-second': '',
  'bucket-bandwidth': '',
  containerd: '/run/containerd/containerd.sock',
  http: '',
  'registry-config': '',
  'token-file': '',
  'signing-key': '',
  trust: '',
  'shared-content': 'off',
  'max-layer-size': '256GiB',
  fill: 'auto',
  'cache-size': '',
  'content-cache-size': '',
  'background-rate': '8MiB',
  'read-deadline': '30s',
  'record-starts': 'on',
  'record-node': 'on',
  restart: 'auto',
  'log-level': 'info',
} as const;

const PROXY_VARIABLES = ['http_proxy', 'https_proxy', 'no_proxy', 'HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY'];

/** What readers have to work in at the least; see CacheQuota. */
const LEAST_CACHE_BYTES = 16 << 20;

/** Less, shared by many reads, and each looks like one from a store that has stopped. */
const LEAST_BANDWIDTH = 1 << 20;

type Setting = keyof typeof SETTINGS;
type Settings = Record<Setting, string>;

export const SETTING_NAMES = Object.keys(SETTINGS) as readonly Setting[];

/** Reads `lade serve` arguments; what they leave open is as in `known`, if there. Throws `invalid_argument` naming the setting. */
export function parseConfig(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  known: Partial<Pick<Settings, 'root' | 'containerd'>> = {},
): DaemonConfig {
  const flags = parseFlags(argv);
  const file = flags.config === undefined ? {} : readConfigFile(flags.config);
  const defaults: Settings = { ...SETTINGS, ...known };
  const setting = (name: Setting): string =>
    flags[name] ?? env[`LADE_${name.toUpperCase().replaceAll('-', '_')}`] ?? file[name] ?? defaults[name];
  const settings = Object.fromEntries(SETTING_NAMES.map((name) => [name, setting(name)])) as Settings;
  const root = resolve(settings.root);
  return {
    root,
    address: absolute(settings.address, 'address'),
    environment: (name) => env[name],
    bucketUrl: settings.bucket === '' ? defaultBucket(root) : settings.bucket,
    bucketLimits: parseLimits(settings),
    containerd: absolute(settings.containerd, 'containerd'),
    http: settings.http === '' ? undefined : parseHttp(settings.http),
    registryConfig:
      settings['registry-config'] === ''
        ? join(env['DOCKER_CONFIG'] ?? join(homedir(), '.docker'), 'config.json')
        : resolve(settings['registry-config']),
    proxies: Object.fromEntries(PROXY_VARIABLES.map((name) => [name, env[name]])),
    tokenFile: resolve(root, settings['token-file'] || 'control-token'),
    keys: readKeys(settings),
    sharedContent: parseSwitch('shared-content', settings),
    maxLayerBytes: parseSize('max-layer-size', settings),
    fill: parseFill(settings.fill),
    cacheBytes: settings['cache-size'] === '' ? undefined : parseCacheSize(settings),
    contentCacheBytes:
      settings['content-cache-size'] === '' ? undefined : parseSize('content-cache-size', settings),
    backgroundBytesPerSecond: parseSize('background-rate', settings),
    readDeadlineMs: parseDuration('read-deadline', settings),
    recordStarts: parseSwitch('record-starts', settings),
    recordNode: parseSwitch('record-node', settings),
    restart: parseRestart(settings, env),
    logLevel: parseLogLevel(settings['log-level']),
    telemetry: Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('OTEL_'))),
  };
}

/** What a daemon works with when no bucket is named. */
export function defaultBucket(root: string): string {
  return `file://${root}/bucket`;
}

function parseFlags(argv: readonly string[]): Partial<Settings> & { config?: string } {
  const options = Object.fromEntries(
    [...SETTING_NAMES, 'config'].map((name) => [name, { type: 'string' as const }]),
  );
  try {
    return parseArgs({ args: [...argv], options, strict: true }).values;
  } catch (reason) {
    throw new CodedError('invalid_argument', `Cannot read the arguments: ${(reason as Error).message}`, {
      cure: `lade serve takes ${['config', ...SETTING_NAMES].map((name) => `--${name}`).join(' ')}`,
    });
  }
}

/** A JSON object of settings. */
function readConfigFile(path: string): Partial<Settings> {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (reason) {
    throw wrapError(reason, `Cannot read configuration ${path}`);
  }
  if (typeof value !== 'object' || value === null) throw invalid('config', path, 'a JSON object of settings');
  for (const [name, entry] of Object.entries(value)) {
    if (!Object.hasOwn(SETTINGS, name))
      throw invalid('config', path, `only the keys ${SETTING_NAMES.join(', ')}; not ${name}`);
    if (typeof entry !== 'string') throw invalid(name, String(entry), 'a string');
  }
  return value;
}

function absolute(path: string, name: Setting): string {
  if (!isAbsolute(path)) throw invalid(name, path, 'an absolute path');
  if (Buffer.byteLength(path) > 107)
    throw invalid(
      name,
      path,
      `a shorter path, Linux allows 107 bytes (put it below ${dirname('/run/lade/x')})`,
    );
  return path;
}

function parseHttp(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-f:]+)\]|([^:[\]]+)):(\d+)$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65_535) throw invalid('http', text, 'HOST:PORT');
  return { host: match[1] ?? match[2] ?? '', port };
}

function parseSize(name: Setting, { [name]: text }: Settings): number {
  const match = /^(\d+)\s*(B|KiB|MiB|GiB|TiB)?$/.exec(text);
  const scale = ['B', 'KiB', 'MiB', 'GiB', 'TiB'].indexOf(match?.[2] ?? 'B');
  if (!match) throw invalid(name, text, 'a size such as 64GiB');
  return Number(match[1]) * 1024 ** scale;
}

/** Below the least, a start would wait for one eviction after the other, some seconds each. */
function parseCacheSize(settings: Settings): number {
  const bytes = parseSize('cache-size', settings);
  if (bytes >= LEAST_CACHE_BYTES) return bytes;
  throw invalid('cache-size', settings['cache-size'], 'at least 16MiB, or nothing for all that the disk has');
}

function parseLimits(settings: Settings): TrafficLimits {
  const { 'bucket-requests-per-second': requests, 'bucket-bandwidth': bandwidth } = settings;
  if (!/^([1-9]\d{0,5})?$/.test(requests))
    throw invalid('bucket-requests-per-second', requests, 'a number from 1 to 999999, or nothing');
  const bytesPerSecond = bandwidth === '' ? Infinity : parseSize('bucket-bandwidth', settings);
  if (bytesPerSecond < LEAST_BANDWIDTH)
    throw invalid(
      'bucket-bandwidth',
      bandwidth,
      'at least 1MiB a second, or nothing for all that the network has',
    );
  return {
    ...(requests === '' ? {} : { requestsPerSecond: Number(requests) }),
    ...(bandwidth === '' ? {} : { bytesPerSecond }),
  };
}

function parseDuration(name: Setting, { [name]: text }: Settings): number {
  const match = /^([1-9]\d*)\s*(ms|s|min)$/.exec(text);
  if (!match) throw invalid(name, text, 'a duration such as 500ms, 30s or 5min');
  return Number(match[1]) * (match[2] === 'ms' ? 1 : match[2] === 's' ? 1000 : 60_000);
}

function parseFill(text: string): FillModeName | 'auto' {
  if (text === 'auto' || text === 'fanotify' || text === 'fuse' || text === 'full') return text;
  throw invalid('fill', text, 'auto, fanotify, fuse or full');
}

/** `auto`: unless systemd has started this process, which restarts it by its own rules (systemd.exec(5)). */
function parseRestart(settings: Settings, env: Readonly<Record<string, string | undefined>>): boolean {
  if (settings.restart === 'auto') return env['SYSTEMD_EXEC_PID'] !== String(process.pid);
  return parseSwitch('restart', settings, 'auto, on or off');
}

function parseSwitch(name: Setting, { [name]: text }: Settings, choice = 'on or off'): boolean {
  if (text === 'on' || text === 'off') return text === 'on';
  throw invalid(name, text, choice);
}

function parseLogLevel(text: string): LogLevel {
  if (text === 'debug' || text === 'info' || text === 'warn' || text === 'error') return text;
  throw invalid('log-level', text, 'debug, info, warn or error');
}

/** `trust` is a comma-separated list of files. */
function readKeys(settings: Settings): ChainKeys {
  const read = (path: string): ReturnType<typeof parseChainKey> => {
    try {
      return parseChainKey(readFileSync(path, 'utf8'), path);
    } catch (reason) {
      throw wrapError(reason, `Cannot read key ${path}`);
    }
  };
  const signing = settings['signing-key'] === '' ? undefined : read(settings['signing-key']);
  if (signing && !signing.signer) throw invalid('signing-key', settings['signing-key'], 'a private key');
  const trusted = settings.trust
    .split(',')
    .filter((path) => path !== '')
    .map((path) => read(path).trusted);
  return {
    ...(signing?.signer ? { signer: signing.signer } : {}),
    trusted: signing ? [signing.trusted, ...trusted] : trusted,
  };
}

function invalid(name: string, value: string, wanted: string): CodedError {
  return new CodedError(
    'invalid_argument',
    `Cannot use ${JSON.stringify(value)} for ${name}: want ${wanted}`,
    {
      cure: `Set --${name}, LADE_${name.toUpperCase().replaceAll('-', '_')}, or ${name} in the configuration file`,
    },
  );
}
