//! Writes the prost messages of `proto/worker/supervisor/v1` into a directory, from a descriptor set that `buf build` made, so that nobody needs protoc.

use std::io::{Error, ErrorKind, Result};

fn main() -> Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(descriptors), Some(out)) = (arguments.next(), arguments.next()) else {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "usage: worker-supervisor-codegen DESCRIPTOR_SET OUT_DIR",
        ));
    };
    prost_build::Config::new()
        .file_descriptor_set_path(descriptors)
        .skip_protoc_run()
        .out_dir(out)
        .compile_protos(&[] as &[&str], &[] as &[&str])
}
