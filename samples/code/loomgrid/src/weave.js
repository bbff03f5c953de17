// From a draft to the cloth: a grid of booleans, true where the warp lies on top.

/** One row per pick of the weft, one column per warp thread. */
export function weave({ threading, tieUp, treadling }) {
  return treadling.map((treadle) => {
    const lifted = tieUp[treadle - 1];
    return threading.map((shaft) => lifted.has(shaft));
  });
}

/** The longest run of equal cells along any row or column, the repeat taken into account. */
export function longestFloat(cloth) {
  const columns = cloth[0].map((_, x) => cloth.map((row) => row[x]));
  return Math.max(...[...cloth, ...columns].map(longestRun));
}

function longestRun(cells) {
  if (cells.every((cell) => cell === cells[0])) {
    return Infinity; // the thread never turns to the other side: this is no cloth
  }
  let longest = 0;
  let run = 0;
  // twice around, because the cloth repeats
  for (let i = 0; i < cells.length * 2; i++) {
    const same = i > 0 && cells[i % cells.length] === cells[(i - 1) % cells.length];
    run = same ? run + 1 : 1;
    longest = Math.max(longest, run);
  }
  return longest;
}
