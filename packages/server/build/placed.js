/**
 * A plugin of Rolldown for modules that look for files beside themselves: in each of them `import.meta.url`, which would be that of the bundle, is what is given for it.
 *
 * @param urls Expressions, by the paths of the modules. One that is not met, or says nothing of its place, is an error.
 */
export function placed(urls) {
  const met = new Set();
  return {
    name: 'placed',
    transform(code, id) {
      if (!Object.hasOwn(urls, id) || !code.includes('import.meta.url')) return undefined;
      met.add(id);
      return { code: code.replaceAll('import.meta.url', urls[id]), map: null };
    },
    generateBundle() {
      for (const id of Object.keys(urls)) if (!met.has(id)) throw new Error(`${id} is not bundled, or does not ask for its place any more`);
    },
  };
}
