/**
 * The verifier of loop IR. A kernel that passes fulfils:
 *
 * - loops_v1: every name is an identifier, is defined before it is used, and has one meaning in a
 *   scope; nested scopes do not redefine it, sibling scopes may.
 * - loops_v2: operands of an op agree in type and lanes, the op is defined for the type, and every
 *   expression states the type and lanes it has.
 * - loops_v3: index symbols are the kernel's symbols, loop variables or one-lane i32 lets in scope.
 * - loops_v4: a load or store has the buffer's type; a numeric index lies inside the buffer.
 * - loops_v5: a `read` parameter is never stored; a `write` parameter is loaded only after a store
 *   to it that stands earlier in the text (and never where `readBack` is off).
 * - loops_v6: a register tile is indexed by numbers alone; a tile or variable is changed only in
 *   the iteration of the parallel, workgroup or invocation loop that it was made in.
 * - loops_v7: workgroup loops are outermost: at most three, each alone in the body around it, from
 *   0 in steps of 1, with extents over the kernel's symbols.
 * - loops_v8: inside them stand workgroup allocs and one invocation loop, from 0 in steps of 1 to a
 *   number from 1 to the limit (256). There is no invocation loop elsewhere.
 * - loops_v9: a barrier stands inside the invocation loop, and the loops and ifs between have
 *   bounds and conditions that depend neither on the invocation nor on variables nor on loads of what
 *   a kernel may write; no parallel loop stands between.
 * - loops_v10: workgroup memory is allocated directly around the invocation loop and no other kind
 *   is; together it is at most the limit (16 KiB).
 * - loops_v11: a numeric step is a positive integer; an alloc has a positive integer size.
 * - loops_v12: split loops do not nest, and where there is one, every store to a `write` parameter
 *   stands inside one: else each thread would make it.
 *
 * A backend accepts only what this returns: the brand is given nowhere else.
 */
import type { Expression, For, Kernel, Statement } from './nodes.ts';
import { checkElement, checkExpression, isUniform } from './verify-expression.ts';
import {
  type Binding,
  checkDim,
  checkName,
  declare,
  fail,
  type InvariantLabel,
  isUniformDim,
  type Place,
  type Scope,
} from './verify-scope.ts';

declare const verified: unique symbol;
/** A kernel that `verifyKernel` accepted. */
export type VerifiedKernel = Kernel & { readonly [verified]: true };

export interface VerifyLimits {
  /** Bytes of workgroup memory. */
  readonly workgroupBytes?: number;
  /** Invocations of a workgroup. */
  readonly invocations?: number;
  /** Whether a kernel may load what it has stored in a `write` parameter. */
  readonly readBack?: boolean;
}

/** Checks all invariants. Throws an EncompileError that names kernel, statement and label. */
export function verifyKernel(kernel: Kernel, limits: VerifyLimits = {}): VerifiedKernel {
  new KernelVerifier(kernel, limits).verify();
  return kernel as VerifiedKernel;
}

/** Where a block stands: `workgroup` until the invocation loop opens. */
type Level = 'kernel' | 'workgroup' | 'invocation';

interface Context {
  readonly scope: Scope;
  readonly level: Level;
  /** Loops around whose iterations may run at the same time. */
  readonly concurrency: number;
  /** Whether all invocations of the workgroup run this block together. */
  readonly uniform: boolean;
  /** Whether one thread of several runs this block. */
  readonly alone: boolean;
}

class KernelVerifier {
  private readonly kernel: Kernel;
  private readonly limits: Required<VerifyLimits>;
  /** Buffers stored so far in the order of the text. */
  private readonly stored = new Set<string>();
  private place: Place;
  private workgroupBytes = 0;

  constructor(kernel: Kernel, limits: VerifyLimits) {
    this.kernel = kernel;
    this.limits = { workgroupBytes: 16 * 1024, invocations: 256, readBack: true, ...limits };
    this.place = { kernel: kernel.name, statement: null };
  }

  verify(): void {
    const { kernel, place } = this;
    checkName(place, kernel.name);
    let scope: Scope = new Map();
    for (const name of kernel.symbols) {
      scope = declare(place, scope, name, { tag: 'index', uniform: true });
    }
    const symbols = scope;
    for (const { name, type, size, access } of kernel.buffers) {
      checkDim(place, symbols, size);
      const binding: Binding = { tag: 'buffer', type, size, space: access, concurrency: 0 };
      scope = declare(place, scope, name, binding);
    }
    const body = code(kernel.body);
    const alone = !hasSplitLoop(kernel.body);
    const context = { scope, concurrency: 0, uniform: true, alone };
    if (body.some(isWorkgroupLoop)) this.workgroups(body, { ...context, level: 'workgroup' }, 0);
    else this.block(kernel.body, { ...context, level: 'kernel' });
  }

  /** The bodies of the workgroup loops, from the kernel's own inwards. */
  private workgroups(body: readonly Statement[], context: Context, depth: number): void {
    const nested = body.find(isWorkgroupLoop);
    if (nested !== undefined) {
      this.place = { ...this.place, statement: nested };
      if (body.length > 1) this.fail('loops_v7', 'the workgroup loop is not alone here');
      if (depth === 3) this.fail('loops_v7', 'this is a fourth workgroup loop');
      if (nested.from !== 0 || nested.step !== 1) {
        this.fail('loops_v7', 'a workgroup loop starts at 0 and steps by 1');
      }
      const inner = this.enterLoop(nested, context);
      this.workgroups(code(nested.body), { ...inner, level: 'workgroup' }, depth + 1);
      return;
    }
    let { scope } = context;
    body.forEach((statement, i) => {
      this.place = { ...this.place, statement };
      if (i === body.length - 1) this.invocations(statement, { ...context, scope });
      else if (statement.tag === 'alloc' && statement.space === 'workgroup') {
        scope = this.alloc(statement, { ...context, scope });
      } else {
        this.fail('loops_v8', 'only workgroup allocs may stand before the invocation loop');
      }
    });
    if (body.length === 0) this.fail('loops_v8', 'the invocation loop is missing');
  }

  private invocations(statement: Statement, context: Context): void {
    if (statement.tag !== 'for' || statement.kind !== 'invocation') {
      this.fail('loops_v8', 'the invocation loop is missing: it ends the workgroup loop');
    }
    const { from, to, step, body } = statement;
    const limit = this.limits.invocations;
    if (from !== 0 || step !== 1 || typeof to !== 'number' || to < 1 || to > limit) {
      this.fail('loops_v8', `an invocation loop goes from 0 in steps of 1 to 1..${limit}`);
    }
    this.block(body, { ...this.enterLoop(statement, context), level: 'invocation' });
  }

  private block(body: readonly Statement[], context: Context): void {
    let { scope } = context;
    for (const statement of body) {
      this.place = { ...this.place, statement };
      scope = this.statement(statement, { ...context, scope });
    }
  }

  /** Checks a statement; returns the scope after it. */
  private statement(statement: Statement, context: Context): Scope {
    const { scope, concurrency } = context;
    switch (statement.tag) {
      case 'for':
        this.loop(statement, context);
        return scope;
      case 'if':
        this.branch(statement, context);
        return scope;
      case 'let': {
        this.expression(statement.value, scope);
        const { type, lanes } = statement.value;
        const uniform = isUniform(scope, statement.value);
        return declare(this.place, scope, statement.name, { tag: 'let', type, lanes, uniform });
      }
      case 'variable': {
        this.expression(statement.initial, scope);
        const { type, lanes } = statement.initial;
        const binding: Binding = { tag: 'variable', type, lanes, concurrency };
        return declare(this.place, scope, statement.name, binding);
      }
      case 'set':
        this.set(statement, context);
        return scope;
      case 'alloc':
        if (statement.space === 'workgroup') {
          this.fail('loops_v10', 'workgroup memory stands directly around the invocation loop');
        }
        return this.alloc(statement, context);
      case 'store':
        this.store(statement, context);
        return scope;
      case 'barrier':
        if (context.level !== 'invocation') {
          this.fail('loops_v9', 'a barrier outside the invocation loop');
        }
        if (!context.uniform) {
          this.fail('loops_v9', 'not every invocation may come here, or not at the same time');
        }
        return scope;
      case 'comment':
        return scope;
      default:
        return statement satisfies never;
    }
  }

  private loop(statement: For, context: Context): void {
    if (statement.kind === 'workgroup') {
      this.fail('loops_v7', 'a workgroup loop inside other statements');
    }
    if (statement.kind === 'invocation') {
      this.fail('loops_v8', 'an invocation loop that is not directly inside a workgroup loop');
    }
    const isSplit = statement.kind === 'split';
    if (isSplit && context.alone) this.fail('loops_v12', 'a split loop inside another');
    const inner = this.enterLoop(statement, context);
    this.block(statement.body, { ...inner, alone: inner.alone || isSplit });
  }

  private enterLoop(statement: For, context: Context): Context {
    const { kind, variable, from, to, step } = statement;
    const { scope } = context;
    for (const dim of [from, to, step]) checkDim(this.place, scope, dim);
    if (typeof step === 'number' && step < 1) this.fail('loops_v11', `a step of ${step}`);
    const bounds = [from, to, step].every((dim) => isUniformDim(scope, dim));
    const together = bounds && (kind === 'serial' || kind === 'workgroup');
    return {
      scope: declare(this.place, scope, variable, { tag: 'index', uniform: together }),
      level: context.level,
      concurrency: context.concurrency + (kind === 'serial' ? 0 : 1),
      uniform: context.uniform && (together || kind === 'invocation'),
      alone: context.alone,
    };
  }

  private branch(statement: Extract<Statement, { tag: 'if' }>, context: Context): void {
    const { condition } = statement;
    this.expression(condition, context.scope);
    if (condition.type !== 'bool' || condition.lanes !== 1) {
      this.fail('loops_v2', 'a condition is one bool');
    }
    const uniform = context.uniform && isUniform(context.scope, condition);
    this.block(statement.then, { ...context, uniform });
    this.block(statement.otherwise, { ...context, uniform });
  }

  private set(statement: Extract<Statement, { tag: 'set' }>, context: Context): void {
    const { name, value } = statement;
    this.expression(value, context.scope);
    const binding = context.scope.get(name);
    if (binding?.tag !== 'variable') {
      this.fail('loops_v1', `'${name}' is set, but it is no variable here`);
    }
    if (binding.type !== value.type || binding.lanes !== value.lanes) {
      this.fail('loops_v2', `'${name}' is set to a value of another type`);
    }
    if (binding.concurrency !== context.concurrency) {
      this.fail('loops_v6', `'${name}' belongs to the iteration outside`);
    }
  }

  private alloc(statement: Extract<Statement, { tag: 'alloc' }>, context: Context): Scope {
    const { buffer, type, size, space } = statement;
    const { concurrency, scope } = context;
    if (!Number.isSafeInteger(size) || size < 1) this.fail('loops_v11', `a size of ${size}`);
    if (space === 'workgroup') {
      this.workgroupBytes += 4 * size;
      const limit = this.limits.workgroupBytes;
      if (this.workgroupBytes > limit) {
        this.fail('loops_v10', `${this.workgroupBytes} bytes up to here, of ${limit}`);
      }
    }
    const binding: Binding = { tag: 'buffer', type, size, space, concurrency };
    return declare(this.place, scope, buffer, binding);
  }

  private store(statement: Extract<Statement, { tag: 'store' }>, context: Context): void {
    const { buffer, index, value } = statement;
    this.expression(value, context.scope);
    checkElement(this.place, context.scope, buffer, index, value);
    const binding = context.scope.get(buffer);
    if (binding?.tag !== 'buffer') return;
    if (binding.space === 'write' && !context.alone) {
      this.fail('loops_v12', `every thread stores to '${buffer}' here`);
    }
    if (binding.space === 'read') this.fail('loops_v5', `'${buffer}' is declared read`);
    if (binding.space === 'register' && binding.concurrency !== context.concurrency) {
      this.fail('loops_v6', `'${buffer}' belongs to the iteration outside`);
    }
    this.stored.add(buffer);
  }

  private expression(x: Expression, scope: Scope): void {
    checkExpression(this.place, scope, x, (buffer) => {
      const binding = scope.get(buffer);
      if (binding?.tag !== 'buffer' || binding.space !== 'write') return;
      if (!this.limits.readBack) this.fail('loops_v5', `'${buffer}' is declared write`);
      if (!this.stored.has(buffer)) this.fail('loops_v5', `'${buffer}' is loaded before any store`);
    });
  }

  private fail(label: InvariantLabel, found: string): never {
    return fail(this.place, label, found);
  }
}

function code(body: readonly Statement[]): readonly Statement[] {
  return body.filter((statement) => statement.tag !== 'comment');
}

/** Whether iterations of some loop are divided among threads. */
export function hasSplitLoop(body: readonly Statement[]): boolean {
  return body.some((s) => {
    if (s.tag === 'for') return s.kind === 'split' || hasSplitLoop(s.body);
    return s.tag === 'if' && (hasSplitLoop(s.then) || hasSplitLoop(s.otherwise));
  });
}

function isWorkgroupLoop(statement: Statement): statement is For {
  return statement.tag === 'for' && statement.kind === 'workgroup';
}
