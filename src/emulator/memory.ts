// biome-ignore-all lint/style/noNonNullAssertion: slots and checked elements exist by construction.
/**
 * Buffers and the checks on every access to them. Memory that a kernel stores has a shadow: per
 * element the stamp of the last write, and of a read that the next write must be in order with.
 * One instance of an alloc is told from the next by the stamp at which it was born: what was
 * written before counts as unwritten.
 */
import type { Lanes } from '../loops/nodes.ts';
import type { Step } from './code.ts';
import type { IndexFunction } from './compile-index.ts';
import type { Unit } from './unit.ts';

export interface Shadow {
  readonly writers: Float64Array;
  readonly readers: Float64Array;
}

export interface Memory {
  readonly tag: 'memory';
  readonly name: string;
  readonly type: 'f32' | 'i32';
  /** Elements of one instance. */
  readonly size: number;
  /** All instances that live at the same time: one an invocation of scratch. */
  readonly data: Float32Array | Int32Array;
  /** Null of a parameter that is complete and only read. */
  readonly shadow: Shadow | null;
  /** The slot of the stamp at which the present instance was born. */
  readonly born: number;
  /** The slot of the present instance's first element in `data`. */
  readonly offset: number;
  /** Loops with concurrent iterations around its declaration. */
  readonly concurrency: number;
}

export function newShadow(size: number): Shadow {
  return { writers: new Float64Array(size), readers: new Float64Array(size) };
}

export interface Access {
  readonly unit: Unit;
  readonly memory: Memory;
  readonly at: IndexFunction;
  readonly lanes: Lanes;
  /** Loops with concurrent iterations around the access. */
  readonly concurrency: number;
  readonly site: number;
}

/** Copies elements to the slots from `to` on. What is out of bounds reads as 0. */
export function loadStep(access: Access, to: number): Step {
  const { unit, memory, at, lanes, site } = access;
  const { data, size, shadow } = memory;
  if (shadow !== null) return checkedLoad(access, shadow, to);
  return (f) => {
    const i = at(f);
    if (i >>> 0 !== i || i + lanes > size) {
      unit.outOfBounds(site, f, i, lanes);
      f.fill(0, to, to + lanes);
      return;
    }
    for (let l = 0; l < lanes; l++) f[to + l] = data[i + l]!;
  };
}

function checkedLoad(access: Access, { writers, readers }: Shadow, to: number): Step {
  const { unit, memory, at, lanes, site } = access;
  const { data, size, born, offset } = memory;
  const { strands } = unit;
  const isShared = access.concurrency > memory.concurrency;
  return (f) => {
    const i = at(f);
    if (i >>> 0 !== i || i + lanes > size) {
      unit.outOfBounds(site, f, i, lanes);
      f.fill(0, to, to + lanes);
      return;
    }
    const first = f[offset]! + i;
    for (let l = 0; l < lanes; l++) {
      const e = first + l;
      const writer = writers[e]!;
      if (writer < f[born]!) unit.unwritten(site, f, i + l);
      else if (isShared && writer < strands.iteration && !strands.isOrdered(writer)) {
        unit.race(site, f, i + l, writer);
      }
      if (isShared) {
        const reader = readers[e]!;
        // A concurrent reader stays: whatever is concurrent with us is concurrent with one of both.
        if (reader < strands.iteration && (reader < f[born]! || strands.isOrdered(reader))) {
          readers[e] = strands.now + site;
        }
      }
      f[to + l] = data[e]!;
    }
  };
}

/** Copies the slots from `from` on to elements. What is out of bounds is dropped. */
export function storeStep(access: Access, from: number): Step {
  const { unit, memory, at, lanes, site } = access;
  const { data, size, born, offset, shadow } = memory;
  if (shadow === null) throw new Error(`'${memory.name}' is declared read, but stored`);
  const { writers, readers } = shadow;
  const { strands } = unit;
  const isShared = access.concurrency > memory.concurrency;
  return (f) => {
    const i = at(f);
    if (i >>> 0 !== i || i + lanes > size) {
      unit.outOfBounds(site, f, i, lanes);
      return;
    }
    const first = f[offset]! + i;
    for (let l = 0; l < lanes; l++) {
      const e = first + l;
      if (isShared) {
        const writer = writers[e]!;
        const reader = readers[e]!;
        const ours = f[born]!;
        if (writer >= ours && writer < strands.iteration && !strands.isOrdered(writer)) {
          unit.race(site, f, i + l, writer);
        }
        if (reader >= ours && reader < strands.iteration && !strands.isOrdered(reader)) {
          unit.race(site, f, i + l, reader);
        }
      }
      writers[e] = strands.now + site;
      data[e] = f[from + l]!;
    }
  };
}

/** A register tile lives in the frame, each element with the stamp of its last write. */
export interface Registers {
  readonly tag: 'registers';
  readonly name: string;
  readonly size: number;
  readonly values: number;
  readonly stamps: number;
  readonly born: number;
}

/** Checks that elements of a register tile are written; their slots then serve as they are. */
export function registerCheck(
  unit: Unit,
  tile: Registers,
  i: number,
  lanes: Lanes,
  site: number,
): Step {
  const { born } = tile;
  const stamp = tile.stamps + i;
  return (f) => {
    for (let l = 0; l < lanes; l++) {
      if (f[stamp + l]! < f[born]!) unit.unwritten(site, f, i + l);
    }
  };
}

export function registerStore(
  unit: Unit,
  tile: Registers,
  i: number,
  lanes: Lanes,
  from: number,
): Step {
  const { strands } = unit;
  const to = tile.values + i;
  const stamp = tile.stamps + i;
  if (lanes === 1) {
    return (f) => {
      f[to] = f[from]!;
      f[stamp] = strands.now;
    };
  }
  return (f) => {
    f.copyWithin(to, from, from + lanes);
    f.fill(strands.now, stamp, stamp + lanes);
  };
}
