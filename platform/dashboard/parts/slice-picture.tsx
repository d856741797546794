/** One slice as a picture, in a given window of greys. */
import { useEffect, useRef } from 'preact/hooks';
import { drawSlice, type Slice } from '../slice.ts';

interface PictureProps {
  readonly slice: Slice | string | undefined;
  readonly low: number;
  readonly high: number;
  readonly label: string;
  /** Where two stand side by side: which one it is. */
  readonly caption?: string | undefined;
}

export function SlicePicture({ slice, low, high, label, caption }: PictureProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (canvas.current && typeof slice === 'object') drawSlice(canvas.current, slice, low, high);
  }, [slice, low, high]);
  return (
    <figure class="slice">
      {caption && <figcaption class="quiet">{caption}</figcaption>}
      <canvas ref={canvas} role="img" aria-label={label} />
      {typeof slice === 'string' && <p class="failure">{slice}</p>}
    </figure>
  );
}
