/**
 * Identifiers for names that come from models. An identifier is ASCII letters, digits and single
 * underscores, at most 48 characters, starts with a letter, is no reserved word, and is unique
 * within its scope and the scopes around it.
 */

const LONGEST = 48;

export class Names {
  private readonly reserved: ReadonlySet<string>;
  private readonly outer: Names | null;
  private readonly taken = new Set<string>();
  private readonly given = new Map<string, string>();

  constructor(reserved: ReadonlySet<string>, outer: Names | null = null) {
    this.reserved = reserved;
    this.outer = outer;
  }

  /** The identifier of a name: the same one each time it is asked for. */
  identifierFor(name: string): string {
    let identifier = this.given.get(name);
    if (identifier === undefined) {
      identifier = this.fresh(name);
      this.given.set(name, identifier);
    }
    return identifier;
  }

  /** An identifier that reads like `name` and stands for nothing else yet. */
  fresh(name: string): string {
    const base = readable(name);
    let identifier = base;
    for (let n = 2; this.isTaken(identifier); n++) identifier = `${base}_${n}`;
    this.taken.add(identifier);
    return identifier;
  }

  /** Takes an identifier that a scope inside has chosen. */
  claim(identifier: string): void {
    this.taken.add(identifier);
  }

  private isTaken(identifier: string): boolean {
    return (
      this.reserved.has(identifier) ||
      this.taken.has(identifier) ||
      (this.outer?.isTaken(identifier) ?? false)
    );
  }
}

function readable(name: string): string {
  const words = name.replace(/[^A-Za-z0-9]+/g, '_').replace(/^_|_$/g, '');
  const short = words.slice(0, LONGEST).replace(/_$/, '');
  return /^[A-Za-z]/.test(short) ? short : short === '' ? 'v' : `v${short}`;
}

const words = (text: string): readonly string[] => text.trim().split(/\s+/);

/** Keywords of JS in modules, and the globals that emitted code uses. */
export const JS_RESERVED: ReadonlySet<string> = new Set(
  words(`
    abstract arguments as async await boolean break byte case catch char class const constructor
    continue debugger default delete do double else enum eval export extends false final finally
    float for from function get globalThis goto if implements import in instanceof int interface
    let long native new null of package private protected public return set short static super
    switch synchronized this throw throws transient true try typeof undefined using var void
    volatile while with yield
    BigInt64Array Float32Array Infinity Int32Array Math NaN Number Object Uint8Array URL
  `),
);

/** WGSL's keywords and reserved words (sections 3.7 and 16.1 of the specification), then names in use. */
export const WGSL_RESERVED: ReadonlySet<string> = new Set(
  words(`
    alias break case const const_assert continue continuing default diagnostic discard else enable
    false fn for if let loop override requires return struct switch true var while

    NULL Self abstract active alignas alignof as asm asm_fragment async attribute auto await become
    cast catch class co_await co_return co_yield coherent column_major common compile
    compile_fragment concept const_cast consteval constexpr constinit crate debugger decltype delete
    demote demote_to_helper do dynamic_cast enum explicit export extends extern external fallthrough
    filter final finally friend from fxgroup get goto groupshared highp impl implements import
    inline instanceof interface layout lowp macro macro_rules match mediump meta mod module move mut
    mutable namespace new nil noexcept noinline nointerpolation non_coherent noncoherent
    noperspective null nullptr of operator package packoffset partial pass patch pixelfragment
    precise precision premerge priv protected pub public readonly ref regardless register
    reinterpret_cast require resource restrict self set shared sizeof smooth snorm static
    static_assert static_cast std subroutine super target template this thread_local throw trait try
    type typedef typeid typename typeof union unless unorm unsafe unsized use using varying virtual
    volatile wgsl where with writeonly yield

    abs array atomic bitcast bool ceil exp f16 f32 floor function i32 local_invocation_index log max
    min private ptr read read_write round select sign sqrt storage storageBarrier symbols Symbols
    trunc u32 uniform vec2 vec3 vec4 workgroup workgroup_id workgroupBarrier write
  `),
);
