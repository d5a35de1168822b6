//! Runs a benchmark under callgrind and reads how many instructions it took.
//!
//! What a count would depend on besides the code is pinned: the environment is empty, and the
//! C library is told not to choose its functions by what the processor can do. Crates that
//! choose at run time (`memchr`, `zlib-rs`) cannot be told; they find AVX2 on any x86-64
//! machine of the last ten years, and nothing newer, which valgrind does not have.

use std::io;
use std::path::PathBuf;
use std::process::Command;

/// Where `scripts/instructions.sh` has put valgrind.
const VALGRIND: &str = "DOCKMETER_VALGRIND";

/// Makes the C library use the same functions on every x86-64 processor.
const TUNABLES: &str = "glibc.cpu.hwcaps=-AVX2,-AVX_Fast_Unaligned_Load,-ERMS,-FSRM";

/// Does the work; callgrind counts while this function runs, and finds it by its name.
#[inline(never)]
pub(crate) fn counted_instructions(work: &mut dyn FnMut()) {
    work();
}

/// Counts one benchmark.
///
/// # Errors
/// valgrind cannot be run, or counted nothing.
pub(crate) fn count(benchmark: &str) -> io::Result<u64> {
    let out = tempfile::NamedTempFile::new()?;
    let mut command = Command::new(valgrind());
    command.env_clear().env("GLIBC_TUNABLES", TUNABLES);
    if let Some(library) = std::env::var_os("VALGRIND_LIB") {
        command.env("VALGRIND_LIB", library);
    }
    let output = command
        .args(["--tool=callgrind", "--toggle-collect=*counted_instructions*"])
        .arg(format!("--callgrind-out-file={}", out.path().display()))
        .arg(std::env::current_exe()?)
        .args(["--run", benchmark])
        .output()
        .map_err(|error| {
            io::Error::other(format!("could not run valgrind: {error}; scripts/instructions.sh brings it"))
        })?;
    let failed = |what: &str| {
        let said = String::from_utf8_lossy(&output.stderr);
        io::Error::other(format!("`{benchmark}` under callgrind {what}:\n{said}"))
    };
    if !output.status.success() {
        return Err(failed(&format!("ended with {}", output.status)));
    }
    let profile = std::fs::read_to_string(out.path())?;
    let summary = profile.lines().find_map(|line| line.strip_prefix("summary: "));
    let count = summary.and_then(|count| count.trim().parse().ok());
    count.filter(|count| *count > 0).ok_or_else(|| failed("counted nothing"))
}

/// The tools that counts depend on.
///
/// # Errors
/// valgrind cannot be run.
pub(crate) fn made_with() -> io::Result<String> {
    let version = |program: PathBuf, argument: &str| -> io::Result<String> {
        let output = Command::new(&program).arg(argument).output();
        let output = output
            .map_err(|error| io::Error::other(format!("could not run {}: {error}", program.display())))?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let valgrind = version(valgrind(), "--version")?;
    let libc = version("getconf".into(), "GNU_LIBC_VERSION").unwrap_or_else(|_| "an unknown libc".to_owned());
    Ok(format!("rustc {}, {valgrind}, {libc}", env!("DOCKMETER_RUSTVERSION")))
}

fn valgrind() -> PathBuf {
    std::env::var_os(VALGRIND).unwrap_or_else(|| "valgrind".into()).into()
}
