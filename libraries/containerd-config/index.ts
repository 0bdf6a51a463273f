export {
  configureContainerd,
  parseVersion,
  quoteToml,
  type ContainerdConfiguration,
} from './configure-containerd.ts';
