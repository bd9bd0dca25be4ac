/**
 * What a group has on its screens, and how far: everybody starts their own film, this keeps the clocks together.
 * Positions are told in seconds and run on by each window's own clock, so nobody's clock needs to be right.
 */
export class Playback {
  /** `{seriesId, episodeId, playing, position, by}`, or null while nothing is on. */
  now = null;
  /** Whether ours is the last word, so that it is we who answer those who ask. */
  #sure = false;
  #since = 0;

  /** Seconds into the episode. */
  get position() {
    if (!this.now) return 0;
    const run = this.now.playing ? (performance.now() - this.#since) / 1000 : 0;
    return this.now.position + run;
  }

  /** Takes what somebody told; what is missing or makes no sense stays as it was. */
  take(by, data, playing) {
    const told = data !== null && typeof data === 'object' ? data : {};
    const seriesId = idIn(told.seriesId) ?? this.now?.seriesId;
    const episodeId = idIn(told.episodeId) ?? this.now?.episodeId;
    if (seriesId === undefined || episodeId === undefined) return;
    const position = told.position >= 0 && told.position < 1e6 ? Number(told.position) : this.position;
    this.now = { seriesId, episodeId, position, playing, by };
    this.#since = performance.now();
    this.#sure = true;
  }

  /** What to tell somebody who asks. */
  told() {
    const { seriesId, episodeId, playing } = this.now;
    return { seriesId, episodeId, playing, position: Math.round(this.position * 10) / 10 };
  }

  /** Others may have gone on without us: we no longer speak for the group. */
  doubt() {
    this.#sure = false;
  }

  /** Whether `id` is to tell the others. */
  isToldBy(id) {
    return this.#sure && this.now.by === id;
  }
}

const idIn = (value) => (['string', 'number'].includes(typeof value) ? value : undefined);

/** Seconds as `1:02:03`. */
export function asClock(seconds) {
  const [h, m, s] = [seconds / 3600, (seconds / 60) % 60, seconds % 60].map((n) => String(Math.floor(n)));
  return h === '0' ? `${m}:${s.padStart(2, '0')}` : `${h}:${m.padStart(2, '0')}:${s.padStart(2, '0')}`;
}
