/**
 * The private state of one invocation: one float64 array with a slot for every variable, temporary,
 * constant and register. A bool is 0 or 1; a value of four lanes takes four slots in a row.
 */

export type Frame = Float64Array;

/** Assigns slots while a kernel is compiled. */
export class FrameLayout {
  private size = 0;
  private readonly constants = new Map<string, number>();

  reserve(slots: number): number {
    const slot = this.size;
    this.size += slots;
    return slot;
  }

  /** The slot that holds a number in every frame. */
  constant(value: number): number {
    const key = Object.is(value, -0) ? '-0' : `${value}`;
    let slot = this.constants.get(key);
    if (slot === undefined) {
      slot = this.reserve(1);
      this.constants.set(key, slot);
    }
    return slot;
  }

  /** A frame with its constants in place. Slots reserved later are not in it. */
  create(): Frame {
    const frame = new Float64Array(this.size);
    for (const [key, slot] of this.constants) frame[slot] = Number(key);
    return frame;
  }
}
