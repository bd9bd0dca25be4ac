//! Packs the files that `rest/docs.rs` serves.

use std::{env, error::Error, fs, io::Write, path::Path};

use flate2::{Compression, write::GzEncoder};

const FILES: [&str; 5] = [
    "../shared/contract/asyncapi.json",
    "../shared/contract/events.d.ts",
    "src/rest/docs/events.css",
    "src/rest/docs/events.html",
    "src/rest/docs/events.js",
];

// What a build script is told, it is told by the environment.
#[allow(clippy::disallowed_methods)]
fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::var("OUT_DIR")?;
    for path in FILES {
        println!("cargo::rerun-if-changed={path}");
        let name = Path::new(path).file_name().ok_or("a file")?.to_string_lossy();
        let packed = fs::File::create(Path::new(&folder).join(format!("{name}.gz")))?;
        let mut packed = GzEncoder::new(packed, Compression::best());
        packed.write_all(&fs::read(path)?)?;
        packed.finish()?;
    }
    Ok(())
}
