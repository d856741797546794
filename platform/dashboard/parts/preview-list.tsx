/** Scans of which there is a preview: no gather tells of them, because previews are made of frames as they come. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { ListSubjectsResponse } from '#proto';
import { call } from '../api.ts';
import { linkTo } from '../state.ts';

const lookEveryMs = 5_000;
const shownMax = 50;

export function PreviewList() {
  const scans = useSignal<readonly string[]>([]);
  useEffect(() => {
    const look = async (): Promise<void> => {
      const { subjects } = await call<ListSubjectsResponse>('ListSubjects', { pattern: 'preview.*.xy' });
      scans.value = subjects.map(({ subject }) => subject.split('.')[1] ?? '').slice(-shownMax);
    };
    // A gateway that is away now is asked again.
    const lookAgain = () => void look().catch(() => undefined);
    lookAgain();
    const timer = setInterval(lookAgain, lookEveryMs);
    return () => clearInterval(timer);
  }, []);
  if (scans.value.length === 0) return null;
  return (
    <>
      <h2>Previews</h2>
      <p class="previews">
        {scans.value.map((scan) => (
          <a key={scan} href={linkTo('scans', scan)}>
            {scan}
          </a>
        ))}
      </p>
    </>
  );
}
