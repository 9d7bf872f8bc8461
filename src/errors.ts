/** An error a user can act on: one paragraph that says what, where, what was expected, what to do. */
export class EncompileError extends Error {
  /** Process exit status: 1 when the model or data is wrong, 2 when the call itself was wrong. */
  readonly exitCode: 1 | 2;

  constructor(message: string, exitCode: 1 | 2 = 1) {
    super(message);
    this.name = 'EncompileError';
    this.exitCode = exitCode;
  }
}
