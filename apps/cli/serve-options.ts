import type { SETTING_NAMES } from '@lade/daemon/config';
import type { Option } from './command.ts';

type Setting = (typeof SETTING_NAMES)[number] | 'config';

function setting(argument: string, description: string): Option {
  return { type: 'string', argument, description };
}

/** What the daemon takes; it reads them itself. */
export const SERVE_OPTIONS = {
  bucket: setting(
    'URL',
    'where layers go and come from: s3://, obs:// or file:///; default: a folder in --root',
  ),
  root: setting('DIR', 'where this node keeps everything; default: /var/lib/lade'),
  address: setting('SOCKET', 'what containerd dials; default: /run/lade/lade.sock'),
  containerd: setting('SOCKET', "containerd's own; default: /run/containerd/containerd.sock"),
  http: setting('HOST:PORT', 'serve the web console and /metrics there; default: nowhere'),
  config: setting('FILE', 'a JSON object of these settings; options and LADE_… variables take precedence'),
  fill: setting('MODE', 'auto (default), fanotify, fuse or full: how layers get their bytes'),
  'cache-size': setting(
    'SIZE',
    'for the layers of this node, at least 16MiB; default: all that the disk has',
  ),
  'content-cache-size': setting('SIZE', 'for OCI content that the bucket has too; default: no bound'),
  'background-rate': setting('SIZE', 'a second, for completing layers in use; default: 8MiB, 0: never'),
  'read-deadline': setting('DURATION', 'after which a reader gets an error; default: 30s'),
  'bucket-requests-per-second': setting('N', 'at most; default: no bound'),
  'bucket-bandwidth': setting('SIZE', 'a second, at most; default: no bound'),
  'shared-content': setting('on|off', 'whether content of the bucket counts as here; default: off'),
  'max-layer-size': setting('SIZE', 'larger layers are refused; default: 256GiB'),
  'registry-config': setting('FILE', "logins of registries; default: docker's config.json"),
  'token-file': setting('FILE', "the console's token; default: control-token in --root"),
  'signing-key': setting('FILE', 'sign what this node publishes'),
  trust: setting('FILES', 'take only what these keys vouch for; separated by commas'),
  'record-starts': setting('on|off', 'tell the bucket what starts read; default: on'),
  'record-node': setting('on|off', 'tell the bucket how this node is doing; default: on'),
  restart: setting('auto|on|off', 'have the keeper start the daemon again; default: auto, off under systemd'),
  'log-level': setting('LEVEL', 'debug, info (default), warn or error'),
} satisfies Record<Setting, Option>;
