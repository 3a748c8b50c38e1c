import { create, createFileRegistry, clone } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { WorkerService, file_worker_v1_worker_service } from '@worker/protocol';

/** The packages of the original's service: none in its document, `protobuf` in its first implementation. */
const otherPackages = ['', 'protobuf'];

/** WorkerService at each of its three paths. The others are the generated file under another package, so there is no second copy to keep. */
export const workerServices: readonly (typeof WorkerService)[] = [WorkerService, ...otherPackages.map(inPackage)];

/** A method by the name it has in the roles, at whatever path it was called. */
export function canonicalMethod(method: { readonly name: string; readonly parent: { readonly typeName: string } }): string {
  const { typeName } = method.parent;
  const isWorkerService = workerServices.some((service) => service.typeName === typeName);
  return `${isWorkerService ? WorkerService.typeName : typeName}/${method.name}`;
}

function inPackage(packageName: string): typeof WorkerService {
  const file = clone(FileDescriptorProtoSchema, file_worker_v1_worker_service.proto);
  renameTypes(file, packageName);
  file.name = `worker_service_${packageName === '' ? 'without_package' : packageName}.proto`;
  file.package = packageName;
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }));
  const service = registry.getService(packageName === '' ? WorkerService.name : `${packageName}.${WorkerService.name}`);
  if (service === undefined) throw new Error('the renamed WorkerService is not in its own registry');
  // Its messages have the same fields under other type names; handlers answer plain objects, which fit all of them.
  return service as typeof WorkerService;
}

/** Types are named in full: `.worker.v1.Command` becomes `.Command`. */
function renameTypes(file: typeof file_worker_v1_worker_service.proto, packageName: string): void {
  const from = `.${file.package}.`;
  const to = packageName === '' ? '.' : `.${packageName}.`;
  const rename = (name: string) => (name.startsWith(from) ? to + name.slice(from.length) : name);
  for (const { method } of file.service) {
    for (const each of method) {
      each.inputType = rename(each.inputType);
      each.outputType = rename(each.outputType);
    }
  }
  for (const { field } of file.messageType) for (const each of field) each.typeName = rename(each.typeName);
}
