//! `package-lambda BOOTSTRAP ZIP`: packs the function for AWS Lambda.
//!
//! The one packaging rule: flake.nix and build-lambda.sh both end here. Equal binaries give equal
//! zips: one entry, mode 0755, the oldest time a zip can hold, no extra fields. libdeflate searches
//! for the shortest form of the data, by whole numbers alone, so that every machine finds the same
//! one: it is 3 % shorter than that of `zip -9`.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

use libdeflater::{CompressionLvl, Compressor, crc32};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let [bootstrap, zip] = arguments.as_slice() else {
        eprintln!("usage: package-lambda BOOTSTRAP ZIP");
        return ExitCode::from(2);
    };
    match package(Path::new(bootstrap), Path::new(zip)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("package-lambda: {message}");
            ExitCode::FAILURE
        }
    }
}

fn package(bootstrap: &Path, zip: &Path) -> Result<(), String> {
    let name = bootstrap.display();
    let executable = fs::read(bootstrap).map_err(|error| format!("{name}: {error}"))?;
    if let Some(fault) = fault(&executable) {
        return Err(format!("{name} is not a static arm64 executable: {fault}"));
    }
    let archive = archive(&executable).ok_or_else(|| format!("{name} is too large for a zip"))?;
    write(zip, &archive).map_err(|error| format!("{}: {error}", zip.display()))
}

fn write(zip: &Path, archive: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = zip.parent() {
        fs::create_dir_all(folder)?;
    }
    if zip.exists() {
        fs::remove_file(zip)?; // it may be read-only
    }
    fs::write(zip, archive)
}

/// Why Lambda's arm64 cannot run `elf`: <https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html>
fn fault(elf: &[u8]) -> Option<&'static str> {
    const ARM64: u64 = 183;
    const EXECUTABLE: u64 = 2;
    const POSITION_INDEPENDENT: u64 = 3;
    if !elf.starts_with(b"\x7fELF\x02\x01") {
        return Some("no ELF file of 64 bits, little-endian");
    }
    if number(elf, 18, 2) != Some(ARM64) {
        return Some("for another processor");
    }
    if !matches!(number(elf, 16, 2), Some(EXECUTABLE | POSITION_INDEPENDENT)) {
        return Some("no program");
    }
    match has_interpreter(elf) {
        None => Some("cut off"),
        Some(true) => Some("it needs a program interpreter"),
        Some(false) => None,
    }
}

fn has_interpreter(elf: &[u8]) -> Option<bool> {
    const INTERPRETER: u64 = 3;
    let table = number(elf, 32, 8)?;
    let size = number(elf, 54, 2)?;
    let mut found = false;
    for segment in 0..number(elf, 56, 2)? {
        found |= number(elf, table.checked_add(segment * size)?, 4)? == INTERPRETER;
    }
    Some(found)
}

/// The little-endian number of `size` bytes at `offset`.
fn number(elf: &[u8], offset: u64, size: usize) -> Option<u64> {
    let start = usize::try_from(offset).ok()?;
    let bytes = elf.get(start..start.checked_add(size)?)?;
    Some(
        bytes
            .iter()
            .rev()
            .fold(0, |sum, byte| sum << 8 | u64::from(*byte)),
    )
}

/// A zip with the one entry `bootstrap`: APPNOTE.TXT of PKWARE, 4.3.7, 4.3.12 and 4.3.16.
fn archive(executable: &[u8]) -> Option<Vec<u8>> {
    const NAME: &[u8] = b"bootstrap";
    const VERSION: u16 = 20; // the first with deflate
    const ON_UNIX: u16 = 3 << 8;
    const DEFLATED: u16 = 8;
    const MIDNIGHT: u16 = 0;
    const FIRST_OF_1980: u16 = 1 << 5 | 1;
    const FILE_0755: u32 = 0o100_755 << 16;

    let data = deflate(executable)?;
    let entry = [
        &VERSION.to_le_bytes()[..],
        &0_u16.to_le_bytes(), // flags
        &DEFLATED.to_le_bytes(),
        &MIDNIGHT.to_le_bytes(),
        &FIRST_OF_1980.to_le_bytes(),
        &crc32(executable).to_le_bytes(),
        &u32::try_from(data.len()).ok()?.to_le_bytes(),
        &u32::try_from(executable.len()).ok()?.to_le_bytes(),
        &u16::try_from(NAME.len()).ok()?.to_le_bytes(),
        &0_u16.to_le_bytes(), // no extra fields
    ]
    .concat();
    let file = [b"PK\x03\x04", &entry[..], NAME, &data].concat();
    let directory = [
        b"PK\x01\x02",
        &(ON_UNIX | VERSION).to_le_bytes()[..],
        &entry,
        &[0; 2 + 2 + 2], // no comment, on the first disk, as binary data
        &FILE_0755.to_le_bytes(),
        &0_u32.to_le_bytes(), // where the file starts
        NAME,
    ]
    .concat();
    let end = [
        &b"PK\x05\x06"[..],
        &[0; 2 + 2], // on the first disk
        &1_u16.to_le_bytes(),
        &1_u16.to_le_bytes(),
        &u32::try_from(directory.len()).ok()?.to_le_bytes(),
        &u32::try_from(file.len()).ok()?.to_le_bytes(),
        &0_u16.to_le_bytes(), // no comment
    ]
    .concat();
    Some([file, directory, end].concat())
}

fn deflate(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut compressor = Compressor::new(CompressionLvl::best());
    let mut deflated = vec![0; compressor.deflate_compress_bound(bytes.len())];
    let length = compressor.deflate_compress(bytes, &mut deflated).ok()?;
    deflated.truncate(length);
    Some(deflated)
}
