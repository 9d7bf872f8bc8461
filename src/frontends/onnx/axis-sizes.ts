/**
 * The symbolic sizes that axes of values have. Such a size is at least 0 in every run, though its text
 * need not show it: floor(samples/5)-1 of a convolution, which refuses inputs that its window does not fit.
 */
import type { GraphConstruction } from '../../ir/builder.ts';
import type { Dim } from '../../ir/dims.ts';

export class AxisSizes {
  private readonly construction: GraphConstruction;
  private readonly sizes = new Set<Dim>();
  private seen = 0;

  constructor(construction: GraphConstruction) {
    this.construction = construction;
  }

  has(dim: Dim): boolean {
    if (typeof dim === 'number') return dim >= 0;
    const { values } = this.construction;
    if (values.size > this.seen) {
      let place = 0;
      for (const { shape } of values.values()) {
        if (place++ >= this.seen) for (const size of shape) this.sizes.add(size);
      }
      this.seen = values.size;
    }
    return this.sizes.has(dim);
  }
}
