#!/usr/bin/env python3
"""check_zip.py ZIP [FOLDER...]: fails unless ZIP is what AWS Lambda needs, whoever built it.

One static, stripped arm64 executable called bootstrap, mode 0755, nothing that tells when it was
built, no name of a FOLDER in which it was built, and no larger than expected. Prints sizes and
SHA-256s.
"""

import hashlib
import stat
import struct
import sys
import zipfile

MAX_ZIP_BYTES = 2_100_000
MAX_BINARY_BYTES = 4_400_000

ELF_AARCH64 = 183
SEGMENT_DYNAMIC, SEGMENT_INTERPRETER, SEGMENT_NOTE = 2, 3, 4
SECTION_SYMBOLS = 2
DYNAMIC_NEEDED = 1


def zip_faults(archive, size):
    names = archive.namelist()
    if names != ["bootstrap"]:
        yield f"entries are {names}, not bootstrap alone"
        return
    entry = archive.getinfo("bootstrap")
    mode = entry.external_attr >> 16
    if mode != stat.S_IFREG | 0o755:
        yield f"mode of bootstrap is {mode:o}, not 100755"
    if entry.date_time != (1980, 1, 1, 0, 0, 0):
        yield f"time of bootstrap is {entry.date_time}, not the start of 1980"
    if entry.extra or entry.comment or archive.comment:
        yield "extra fields or comments"
    if size > MAX_ZIP_BYTES:
        yield f"zip has {size} bytes, more than {MAX_ZIP_BYTES}"


def elf_faults(binary, folders):
    if binary[:6] != b"\x7fELF\x02\x01":
        yield "bootstrap is not a 64-bit little-endian ELF file"
        return
    (machine,) = struct.unpack_from("<H", binary, 18)
    if machine != ELF_AARCH64:
        yield f"ELF machine is {machine}, not {ELF_AARCH64} (arm64)"
    for kind, offset, size in segments(binary):
        if kind == SEGMENT_INTERPRETER:
            yield "has a program interpreter: not static"
        if kind == SEGMENT_DYNAMIC and DYNAMIC_NEEDED in dynamic_tags(binary, offset, size):
            yield "needs a shared library: not static"
        if kind == SEGMENT_NOTE and b"GNU\0" in binary[offset : offset + size]:
            yield "has a build id"
    if SECTION_SYMBOLS in section_kinds(binary):
        yield "has a symbol table: not stripped"
    if len(binary) > MAX_BINARY_BYTES:
        yield f"bootstrap has {len(binary)} bytes, more than {MAX_BINARY_BYTES}"
    for folder in folders:
        if (folder.rstrip("/") + "/").encode() in binary:
            yield f"names {folder}, where it was built"


def segments(binary):
    (table,) = struct.unpack_from("<Q", binary, 32)
    entry_size, count = struct.unpack_from("<HH", binary, 54)
    for at in range(table, table + entry_size * count, entry_size):
        kind, _flags, offset, _virtual, _physical, size = struct.unpack_from("<IIQQQQ", binary, at)
        yield kind, offset, size


def section_kinds(binary):
    (table,) = struct.unpack_from("<Q", binary, 40)
    entry_size, count = struct.unpack_from("<HH", binary, 58)
    return {struct.unpack_from("<I", binary, table + entry_size * n + 4)[0] for n in range(count)}


def dynamic_tags(binary, offset, size):
    return {struct.unpack_from("<q", binary, at)[0] for at in range(offset, offset + size, 16)}


def main(path, *folders):
    with open(path, "rb") as file:
        packed = file.read()
    with zipfile.ZipFile(path) as archive:
        faults = list(zip_faults(archive, len(packed)))
        binary = archive.read("bootstrap") if "bootstrap" in archive.namelist() else b""
    faults += elf_faults(binary, folders)
    for name, content in ("lambda.zip", packed), ("bootstrap", binary):
        print(f"{name:<10} {len(content):>9} bytes  sha256 {hashlib.sha256(content).hexdigest()}")
    for fault in faults:
        print(f"check_zip.py: {path}: {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
