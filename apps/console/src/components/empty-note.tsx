import type { FunctionalComponent } from 'vue';
import { Icon, type IconName } from './icon.tsx';

/** A place that has nothing yet: says why, and what fills it. The slot has the action. */
export const EmptyNote: FunctionalComponent<{
  readonly icon: IconName;
  readonly title: string;
  readonly text: string;
}> = ({ icon, title, text }, { slots }) => (
  <div class="empty">
    <Icon name={icon} />
    <h2>{title}</h2>
    <p>{text}</p>
    {slots['default']?.()}
  </div>
);
EmptyNote.props = ['icon', 'title', 'text'];
