import js from '@eslint/js';
import nx from '@nx/eslint-plugin';
import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';

// What a package may import, as in docs/architecture.md. Every package carries one tag, its name.
const mayImport = {
  supervisor: [],
  protocol: [],
  core: ['supervisor'],
  server: ['core', 'protocol'],
  client: ['protocol'],
  cli: ['client', 'protocol'],
  testing: ['protocol'],
  bench: ['client', 'core', 'server'],
  vm: ['core'],
};

const boundaries = Object.entries(mayImport).map(([name, names]) => ({
  sourceTag: `package:${name}`,
  onlyDependOnLibsWithTags: [name, ...names].map((tag) => `package:${tag}`),
}));

export default tseslint.config(
  { ignores: ['**/dist/', '**/target/', '**/gen/', '**/node_modules/', '.nx/', 'packages/vm/cache/'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      // A promise may be let go only where the code says so with `void`.
      '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true, ignoreVoidReturningFunctions: true }],
      // A method may be async because its interface is.
      '@typescript-eslint/require-await': 'off',
      // Escapes and control characters are this program's business.
      'no-control-regex': 'off',
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: 'only-allowed-literals' }],
    },
  },
  {
    files: ['packages/*/src/**/*.ts'],
    plugins: { '@nx': nx },
    rules: {
      '@nx/enforce-module-boundaries': ['error', { enforceBuildableLibDependency: true, depConstraints: boundaries }],
    },
  },
  {
    files: ['**/*.test.ts', '**/test/**/*.ts', 'packages/testing/**/*.ts'],
    rules: {
      '@nx/enforce-module-boundaries': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      // Matchers are of type any.
      '@typescript-eslint/no-unsafe-assignment': 'off',
    },
  },
  { files: ['**/*.js'], languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly' } } },
  prettier,
);
