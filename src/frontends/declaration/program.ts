/**
 * A model file and all files that it imports by path, parsed, and where it is TypeScript type-checked.
 * The files of packages are neither checked nor emitted, nor are this package's own.
 */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Project, ts } from 'ts-morph';
import { EncompileError } from '../../errors.ts';
import { failOnDiagnostics } from './diagnostics.ts';
import { checkOptions, HOST_TYPES, JAVASCRIPT } from './options.ts';
import { isOwnFile } from './own-package.ts';

export interface ModelProgram {
  readonly program: ts.Program;
  readonly entry: ts.SourceFile;
  /** The user's files that run as ES modules, the entry among them. */
  readonly modules: readonly ts.SourceFile[];
  /** The file that a specifier in one of them names, where that is a file of the user's. */
  readonly resolve: (specifier: string, from: ts.SourceFile) => string | null;
}

/**
 * Parses the model file at `path`, and checks it where it is TypeScript.
 *
 * @param path absolute
 * @throws EncompileError that shows each error with file, line, column and source line
 */
export function loadProgram(path: string): ModelProgram {
  if (!ts.sys.fileExists(path)) {
    throw new EncompileError(`There is no file ${path}. Check the path.`, 2);
  }
  const isTypeScript = /\.m?ts$/.test(path);
  const { program, options } = isTypeScript ? checkedProgram(path) : plainProgram(path);
  const entry = program.getSourceFile(path);
  if (entry === undefined) throw new Error(`${path} was not parsed`);
  const files = program.getSourceFiles();
  const modules = files.filter((file) => file === entry || isModule(file, program));
  failOnDiagnostics(
    path,
    modules.flatMap((file) => program.getSyntacticDiagnostics(file)),
  );
  if (isTypeScript) {
    failOnDiagnostics(
      path,
      modules.flatMap((file) => program.getSemanticDiagnostics(file)),
    );
  }
  return { program, entry, modules, resolve: (name, from) => resolveFile(name, from, options) };
}

interface Parsed {
  readonly program: ts.Program;
  readonly options: ts.CompilerOptions;
}

function checkedProgram(path: string): Parsed {
  const { options, lacksHostTypes } = checkOptions(path);
  const project = new Project({
    compilerOptions: options,
    skipAddingFilesFromTsConfig: true,
    skipFileDependencyResolution: true,
  });
  project.addSourceFileAtPath(path);
  if (lacksHostTypes) {
    project.createSourceFile(join(dirname(path), '~encompile-host.d.ts'), HOST_TYPES);
  }
  return { program: project.getProgram().compilerObject, options };
}

/** Plain JavaScript: its imports are followed by hand, for resolving all would read their types. */
function plainProgram(path: string): Parsed {
  const files = new Set([path]);
  for (const file of files) {
    const { importedFiles } = ts.preProcessFile(readFileSync(file, 'utf8'), true, true);
    const from = ts.createSourceFile(file, '', ts.ScriptTarget.Latest);
    for (const { fileName } of importedFiles) {
      const imported = resolveFile(fileName, from, JAVASCRIPT);
      if (imported !== null && /(?<!\.d)\.m?[jt]s$/.test(imported)) files.add(imported);
    }
  }
  const project = new Project({
    compilerOptions: JAVASCRIPT,
    skipAddingFilesFromTsConfig: true,
    skipFileDependencyResolution: true,
    skipLoadingLibFiles: true,
  });
  for (const file of files) project.addSourceFileAtPath(file);
  return { program: project.getProgram().compilerObject, options: JAVASCRIPT };
}

/** A CommonJS file stays where it is, for an ES module could not take its place. */
function isModule(file: ts.SourceFile, program: ts.Program): boolean {
  const { fileName, isDeclarationFile } = file;
  if (isDeclarationFile || isOwnFile(fileName) || program.isSourceFileFromExternalLibrary(file)) {
    return false;
  }
  return /\.(ts|mts|mjs)$/.test(fileName) || (/\.js$/.test(fileName) && hasModuleSyntax(file));
}

function hasModuleSyntax(file: ts.SourceFile): boolean {
  return file.statements.some((statement) => {
    if (ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement)) return true;
    if (ts.isExportAssignment(statement)) return true;
    const modifiers = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined;
    return modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false;
  });
}

function resolveFile(
  specifier: string,
  from: ts.SourceFile,
  options: ts.CompilerOptions,
): string | null {
  const { resolvedModule } = ts.resolveModuleName(specifier, from.fileName, options, ts.sys);
  if (resolvedModule === undefined || resolvedModule.isExternalLibraryImport) return null;
  return isOwnFile(resolvedModule.resolvedFileName) ? null : resolvedModule.resolvedFileName;
}
