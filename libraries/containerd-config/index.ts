export {
  configureContainerd,
  isAtLeast,
  parseVersion,
  quoteToml,
  type ContainerdConfiguration,
} from './configure-containerd.ts';
