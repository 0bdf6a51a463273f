import type { SpecMount } from './runtime-spec.ts';

/*
 * What containers get that ask for nothing: containerd's defaults for Linux (oci.WithDefaultSpec, WithDefaultUnixDevices).
 */

export const DEFAULT_PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

export const NAMESPACES = ['pid', 'ipc', 'uts', 'mount', 'network'] as const;

export const CAPABILITIES = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
] as const;

export const MASKED_PATHS = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
  '/proc/scsi',
] as const;

export const READ_ONLY_PATHS = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
] as const;

const SEALED = ['nosuid', 'noexec', 'nodev'] as const;
const SMALL = ['nosuid', 'strictatime', 'mode=755', 'size=65536k'] as const;
const PTS = ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'] as const;

export const MOUNTS: readonly SpecMount[] = [
  { destination: '/proc', type: 'proc', source: 'proc', options: SEALED },
  { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: SMALL },
  { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: PTS },
  { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: [...SEALED, 'mode=1777', 'size=65536k'] },
  { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: SEALED },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...SEALED, 'ro'] },
  { destination: '/run', type: 'tmpfs', source: 'tmpfs', options: SMALL },
];

/** Who shares the node's network needs its names, too. */
export const HOST_FILES: readonly SpecMount[] = ['/etc/hosts', '/etc/resolv.conf'].map((path) => ({
  destination: path,
  type: 'bind',
  source: path,
  options: ['rbind', 'ro'],
}));

/** null, random, full, tty, zero, urandom, console, pseudo terminals and ptmx; everything else is denied. */
const DEVICES = [[1, 3], [1, 8], [1, 7], [5, 0], [1, 5], [1, 9], [5, 1], [136], [5, 2]] as const;

export const DEVICE_RULES: readonly object[] = [
  { allow: false, access: 'rwm' },
  ...DEVICES.map(([major, minor]) => ({
    allow: true,
    type: 'c',
    major,
    ...(minor === undefined ? {} : { minor }),
    access: 'rwm',
  })),
];
