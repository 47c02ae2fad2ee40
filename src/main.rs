//! The `tessera` binary: calls the command line, prints the error chain, sets the exit code.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {}
