import type { FunctionalComponent } from 'vue';

/** A bar that is filled to `part` of `whole`. */
export const Meter: FunctionalComponent<{
  readonly part: number;
  readonly whole: number;
  readonly label: string;
  readonly tone?: 'accent' | 'warm';
}> = ({ part, whole, label, tone = 'accent' }) => {
  const percent = whole === 0 ? 100 : Math.min(100, (part / whole) * 100);
  return (
    <div
      class={['meter', `meter-${tone}`]}
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(percent)}
    >
      <div class="meter-fill" style={{ width: `${percent}%` }} />
    </div>
  );
};
Meter.props = ['part', 'whole', 'label', 'tone'];
