import type { FunctionalComponent } from 'vue';
import type { StartKind } from '@lade/control-protocol';
import { t } from '../i18n/index.ts';
import { Badge, type Tone } from './badge.tsx';

const TONES = { first: 'accent', cold: 'warn', warm: 'good' } as const satisfies Record<StartKind, Tone>;

/** Whether a start was an image's first, cold or warm, with what that means. */
export const StartKindBadge: FunctionalComponent<{ readonly kind: StartKind }> = ({ kind }) => {
  const words = t().starts;
  return (
    <span title={words.meanings[kind]}>
      <Badge tone={TONES[kind]}>{() => words.kinds[kind]}</Badge>
    </span>
  );
};
StartKindBadge.props = ['kind'];
