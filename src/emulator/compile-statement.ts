// biome-ignore-all lint/style/noNonNullAssertion: slots and checked elements exist by construction.
/**
 * Compiles statements to steps, and the ones that contain a barrier to coroutines. A step runs to
 * its end; a coroutine yields the site of each barrier it comes to, and goes on when it is resumed.
 */
import type { Dim } from '../ir/dims.ts';
import type { Expression, For, Statement } from '../loops/nodes.ts';
import {
  type Code,
  concurrentLoop,
  inOrder,
  resumableLoop,
  runSteps,
  type Step,
  serialLoop,
} from './code.ts';
import { compileExpression, type Operand } from './compile-expression.ts';
import { type IndexFunction, indexFunction } from './compile-index.ts';
import { type Memory, newShadow, type Registers, registerStore, storeStep } from './memory.ts';
import { runInvocations } from './run-invocations.ts';
import { bind, indexIn, lookUp, type Scope } from './scope.ts';
import type { Unit } from './unit.ts';

/** A block: plain steps, or parts of which at least one is a coroutine. */
export function compileBlock(unit: Unit, body: readonly Statement[], outer: Scope): Code {
  const block = new BlockCompiler(unit, outer);
  for (const statement of body) block.compile(statement);
  return block.finish();
}

type Alloc = Extract<Statement, { tag: 'alloc' }>;

class BlockCompiler {
  private readonly unit: Unit;
  private scope: Scope;
  private readonly parts: Code[] = [];

  constructor(unit: Unit, scope: Scope) {
    this.unit = unit;
    this.scope = scope;
  }

  finish(): Code {
    const { parts } = this;
    const [first] = parts;
    if (first === undefined) return { tag: 'steps', steps: [] };
    return parts.length === 1 ? first : { tag: 'coroutine', resume: inOrder(parts) };
  }

  compile(statement: Statement): void {
    switch (statement.tag) {
      case 'for':
        if (statement.kind === 'invocation') this.invocations(statement);
        else this.loop(statement);
        break;
      case 'if':
        this.branch(statement);
        break;
      case 'let':
        this.name(statement, statement.name, statement.value, false);
        break;
      case 'variable':
        this.name(statement, statement.name, statement.initial, true);
        break;
      case 'set':
        this.set(statement);
        break;
      case 'alloc':
        if (statement.space === 'register') this.registers(statement);
        else this.memory(statement);
        break;
      case 'store':
        this.store(statement);
        break;
      case 'barrier':
        this.barrier(statement);
        break;
      case 'comment':
        break;
      default:
        statement satisfies never;
    }
  }

  private emit(step: Step): void {
    const last = this.parts.at(-1);
    if (last?.tag === 'steps') last.steps.push(step);
    else this.parts.push({ tag: 'steps', steps: [step] });
  }

  private index(dim: Dim): IndexFunction {
    return indexFunction(indexIn(this.unit, this.scope, dim));
  }

  private expression(x: Expression, statement: Statement): Operand {
    const { unit, scope } = this;
    return compileExpression(x, { unit, scope, statement, emit: (step) => this.emit(step) });
  }

  /** Inside a loop: its variable has the slot, and its iterations may be concurrent. */
  private inside(statement: For, slot: number): Scope {
    const { loops, enclosing, concurrency } = this.scope;
    const { variable, kind } = statement;
    const scope = bind(this.scope, variable, { tag: 'value', slot, lanes: 1, mutable: false });
    return {
      ...scope,
      loops: [...loops, { name: variable, slot }],
      enclosing: [...enclosing, statement],
      concurrency: concurrency + (kind === 'serial' ? 0 : 1),
    };
  }

  private loop(statement: For): void {
    const { unit } = this;
    const { kind, variable } = statement;
    const slot = unit.layout.reserve(1);
    const range = {
      slot,
      from: this.index(statement.from),
      to: this.index(statement.to),
      step: this.positive(this.index(statement.step), statement),
    };
    const body = compileBlock(unit, statement.body, this.inside(statement, slot));
    if (body.tag === 'steps' && kind === 'serial') this.emit(serialLoop(range, body.steps));
    else if (body.tag === 'steps') this.emit(concurrentLoop(unit, variable, range, body.steps));
    else if (kind === 'serial') this.parts.push(resumableLoop(range, body.resume));
    else this.fail(`a barrier in the ${kind} loop over ${variable}`);
  }

  private positive(step: IndexFunction, { variable }: For): IndexFunction {
    return (f) => {
      const by = step(f);
      return by > 0 ? by : this.fail(`the loop over ${variable} has a step of ${by}`);
    };
  }

  private invocations(statement: For): void {
    const { unit } = this;
    const { variable } = statement;
    const extent = indexIn(unit, this.scope, statement.to);
    if (extent.tag !== 'number' || statement.from !== 0 || statement.step !== 1) {
      this.fail('an invocation loop goes from 0 in steps of 1 to a number');
    }
    const outerSlots = unit.layout.reserve(0);
    const slot = unit.layout.reserve(1);
    const scope = { ...this.inside(statement, slot), invocation: { slot, extent: extent.value } };
    const body = compileBlock(unit, statement.body, scope);
    if (body.tag === 'coroutine') {
      const { loops } = this.scope;
      const lanes = { variable, slot, extent: extent.value, outerSlots, loops };
      this.emit(runInvocations(unit, lanes, body.resume));
    } else {
      const range = { slot, from: () => 0, to: () => extent.value, step: () => 1 };
      this.emit(concurrentLoop(unit, variable, range, body.steps));
    }
  }

  private branch(statement: Extract<Statement, { tag: 'if' }>): void {
    const { unit, scope } = this;
    const { slot } = this.expression(statement.condition, statement);
    const inner = { ...scope, enclosing: [...scope.enclosing, statement] };
    const then = compileBlock(unit, statement.then, inner);
    const otherwise = compileBlock(unit, statement.otherwise, inner);
    if (then.tag === 'steps' && otherwise.tag === 'steps') {
      const [yes, no] = [then.steps, otherwise.steps];
      this.emit((f) => runSteps(f[slot] !== 0 ? yes : no, f));
      return;
    }
    const [yes, no] = [inOrder([then]), inOrder([otherwise])];
    this.parts.push({ tag: 'coroutine', resume: (f) => (f[slot] !== 0 ? yes(f) : no(f)) });
  }

  private name(statement: Statement, name: string, value: Expression, mutable: boolean): void {
    const { lanes } = value;
    const operand = this.expression(value, statement);
    let { slot } = operand;
    if (mutable || !operand.stable) {
      slot = this.unit.layout.reserve(lanes);
      this.copy(operand.slot, slot, lanes);
    }
    this.scope = bind(this.scope, name, { tag: 'value', slot, lanes, mutable });
  }

  private set(statement: Extract<Statement, { tag: 'set' }>): void {
    const { name, value } = statement;
    const binding = lookUp(this.unit, this.scope, name);
    if (binding.tag !== 'value' || !binding.mutable) this.fail(`'${name}' is set, but no variable`);
    this.copy(this.expression(value, statement).slot, binding.slot, value.lanes);
  }

  private copy(from: number, to: number, lanes: number): void {
    this.emit((f) => {
      for (let l = 0; l < lanes; l++) f[to + l] = f[from + l]!;
    });
  }

  private registers({ buffer, size }: Alloc): void {
    const { layout, strands } = this.unit;
    const [values, stamps, born] = [size, size, 1].map((slots) => layout.reserve(slots));
    const tile: Registers = {
      tag: 'registers',
      name: buffer,
      size,
      values: values ?? 0,
      stamps: stamps ?? 0,
      born: born ?? 0,
    };
    this.emit((f) => {
      f[tile.born] = strands.advance();
    });
    this.scope = bind(this.scope, buffer, tile);
  }

  private memory({ buffer, type, size, space }: Alloc): void {
    const { layout, strands } = this.unit;
    const { invocation, concurrency } = this.scope;
    if (space === 'workgroup' && invocation !== null) {
      this.fail(`workgroup memory '${buffer}' inside the invocation loop`);
    }
    const all = size * (invocation?.extent ?? 1);
    const memory: Memory = {
      tag: 'memory',
      name: buffer,
      type,
      size,
      data: type === 'f32' ? new Float32Array(all) : new Int32Array(all),
      shadow: newShadow(all),
      born: layout.reserve(1),
      offset: layout.reserve(1),
      concurrency,
    };
    const lane = invocation?.slot ?? layout.constant(0);
    this.emit((f) => {
      f[memory.born] = strands.advance();
      f[memory.offset] = f[lane]! * size;
    });
    this.scope = bind(this.scope, buffer, memory);
  }

  private store(statement: Extract<Statement, { tag: 'store' }>): void {
    const { unit, scope } = this;
    const { buffer, value } = statement;
    const { loops, concurrency } = scope;
    const { lanes } = value;
    const from = this.expression(value, statement).slot;
    const memory = lookUp(unit, scope, buffer);
    if (memory.tag === 'value') this.fail(`'${buffer}' is stored, but is no buffer`);
    const { size } = memory;
    const site = unit.addSite({ action: 'stores', statement, loops, buffer, size });
    const index = indexIn(unit, scope, statement.index);
    if (memory.tag === 'memory') {
      const at = indexFunction(index);
      this.emit(storeStep({ unit, memory, at, lanes, concurrency, site }, from));
      return;
    }
    if (index.tag !== 'number') this.fail(`'${buffer}' is a register tile: use a number`);
    const i = index.value;
    const isInside = i >= 0 && i + lanes <= size;
    this.emit(
      isInside
        ? registerStore(unit, memory, i, lanes, from)
        : (f) => unit.outOfBounds(site, f, i, lanes),
    );
  }

  private barrier(statement: Statement): void {
    const { unit, scope } = this;
    const { loops, enclosing, invocation } = scope;
    if (invocation === null) this.fail('a barrier outside the invocation loop');
    const site = unit.addSite({
      action: 'waits',
      statement: enclosing.at(-1) ?? statement,
      loops,
      buffer: `barrier ${++unit.barriers}`,
      size: 0,
    });
    this.parts.push({
      tag: 'coroutine',
      *resume() {
        yield site;
      },
    });
  }

  private fail(found: string): never {
    throw new Error(`kernel '${this.unit.kernel}': ${found}`);
  }
}
