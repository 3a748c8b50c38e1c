//! The shared vectors in `packages/supervisor/vectors`: what this writer writes, byte for byte, for the readers in other languages. A difference is a change of the format.
//! `WRITE_VECTORS=1 cargo test --test vectors` writes them anew.

mod held;
mod output;
mod results;
mod wire;

const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const TIME: u64 = 1_795_459_641_669_367_123;
