// The shapes of things, for those who write TypeScript.

/** What a weaver writes down before the first thread is tied. */
export interface Draft {
  /** The shaft of each warp thread, from left to right, counted from 1. */
  readonly threading: readonly number[];
  /** The shafts that each treadle lifts. */
  readonly tieUp: readonly ReadonlySet<number>[];
  /** The treadle of each pick, from top to bottom, counted from 1. */
  readonly treadling: readonly number[];
}

/** True where the warp lies on top. */
export type Cloth = readonly (readonly boolean[])[];

export function isBalanced(cloth: Cloth): boolean {
  let ups = 0;
  let cells = 0;
  for (const row of cloth) {
    for (const up of row) {
      ups += up ? 1 : 0;
      cells += 1;
    }
  }
  return ups * 2 === cells;
}
