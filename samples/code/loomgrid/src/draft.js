// Reading a draft: "threading / tie-up / treadling", for example "1 2 3 4 / 12 23 34 41 / 1 2 3 4".

export class DraftError extends Error {}

/**
 * @param {string} text
 * @returns {{threading: number[], tieUp: Set<number>[], treadling: number[]}}
 */
export function parseDraft(text) {
  const parts = text.split("/").map((part) => part.trim().split(/\s+/).filter(Boolean));
  if (parts.length !== 3) {
    throw new DraftError(`a draft has three parts between slashes, this one has ${parts.length}`);
  }
  const threading = parts[0].map(positiveNumber);
  const tieUp = parts[1].map((word) => new Set([...word].map(positiveNumber)));
  const treadling = parts[2].map(positiveNumber);
  const shafts = Math.max(...threading);
  for (const lifted of tieUp) {
    for (const shaft of lifted) {
      if (shaft > shafts) {
        throw new DraftError(`the tie-up lifts shaft ${shaft}, but nothing is threaded on it`);
      }
    }
  }
  const missing = treadling.find((treadle) => treadle > tieUp.length);
  if (missing !== undefined) {
    throw new DraftError(`treadle ${missing} is pressed, but only ${tieUp.length} are tied up`);
  }
  return { threading, tieUp, treadling };
}

function positiveNumber(word) {
  const number = Number(word);
  if (!Number.isInteger(number) || number < 1) {
    throw new DraftError(`"${word}" is not a positive whole number`);
  }
  return number;
}
