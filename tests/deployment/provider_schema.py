#!/usr/bin/env python3
"""Holds the stacks against the schemas of AWS providers that are not at hand, as their generated bindings carry them.

Usage: provider_schema.py WHEELS STACK...

WHEELS is a folder with wheels of cdktn-provider-aws or, for older providers, cdktf-cdktf-provider-aws, whose code is generated
from `terraform providers schema`. Each STACK (a folder with Terraform) is held against each provider from its own floor on,
and one of the wheels must be that floor. Checked of its resources, data sources and provider blocks: the type exists; each
argument and block exists, and is the one or the other; what is required is there; each attribute that an expression reads
exists. The bindings know neither allowed values, nor defaults, nor deprecations, nor how many blocks.
"""

import io
import re
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import hcl2

META_ARGUMENTS = {"count", "for_each", "depends_on", "provider", "lifecycle", "alias", "connection", "provisioner"}


# What the provider takes


@dataclass
class Argument:
    required: bool
    is_block: bool
    struct: str  # of a block: the name of its own arguments


class Bindings:
    def __init__(self, wheel, types):
        """Unpacks the code of `types`, such as aws_sqs_queue: all of it would be a gigabyte."""
        with zipfile.ZipFile(wheel) as archive:
            [package] = [name for name in archive.namelist() if name.endswith(".jsii.tgz")]
            [metadata] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
            version = re.search(r"/providers/hashicorp/aws/([0-9.]+)\)", archive.read(metadata).decode())[1]
            self.version = tuple(int(part) for part in version.split("."))
            self.schemas = dict(schemas(io.BytesIO(archive.read(package)), types))


def schemas(package, types):
    folders = {f"package/lib/{folder(kind)}/index": kind for kind in types}
    files = {}
    with tarfile.open(fileobj=package, mode="r|gz") as archive:
        for member in archive:
            kind = folders.get(member.name.removesuffix(".d.ts").removesuffix(".js"))
            if kind:
                files[kind, member.name.rsplit(".", 1)[1]] = archive.extractfile(member).read().decode()
    for kind in types:
        if (kind, "ts") in files:
            yield kind, Schema(files[kind, "ts"], files[kind, "js"])


def folder(kind):
    return "provider" if kind == "provider aws" else kind.replace("data aws_", "data-aws-").removeprefix("aws_").replace("_", "-")


class Schema:
    """One type: arguments by struct, and the attributes that it has."""

    def __init__(self, declarations, code):
        blocks = dict(re.findall(r"^ +(\w+): \{\n +value: .*\n +isBlock: (\w+),", code, re.M))
        interfaces = re.findall(r"^export interface (\w+)[^{]*\{\n(.*?)^\}", declarations, re.M | re.S)
        self.structs = {name: dict(arguments(body, blocks_of(name, code) or blocks)) for name, body in interfaces}
        self.main = interfaces[0][0]
        main_class = code[code.rindex("\nclass "):]
        self.attributes = set(re.findall(r"""Attribute\(['"](\w+)['"]\)|\(this, ['"](\w+)['"]""", main_class))
        self.attributes = {name for pair in self.attributes for name in pair if name}


def blocks_of(struct, code):
    """Which arguments of a nested block are blocks."""
    name = struct[0].lower() + struct[1:] + "ToHclTerraform"
    body = re.search(rf"^function {name}\(.*?^\}}", code, re.M | re.S)
    return dict(re.findall(r"^ +(\w+): \{\n +value: .*\n +isBlock: (\w+),", body[0], re.M)) if body else None


def arguments(body, blocks):
    for name, optional, kind in re.findall(r"#(\w+) \w+#\w+\}(?:(?!\*/).)*\*/\n +readonly \w+(\??): ([^;]+);", body, re.S):
        yield name, Argument(not optional, blocks.get(name) == "true", re.sub(r"\[\]| \| .*", "", kind))


# What the stacks give


def configuration(stack):
    """(file, type, name, body) of each block that the AWS provider reads."""
    for file in sorted(stack.glob("*.tf")):
        parsed = hcl2.loads(file.read_text())
        for kind, prefix in (("resource", ""), ("data", "data ")):
            for entry in parsed.get(kind, []):
                for quoted, named in entry.items():
                    yield from ((file, prefix + quoted.strip('"'), name.strip('"'), body) for name, body in named.items()
                                if name != "__is_block__" and quoted.startswith('"aws_'))
        for entry in parsed.get("provider", []):
            yield from ((file, "provider aws", "aws", body) for quoted, body in entry.items() if quoted == '"aws"')


def given(body):
    """(name, blocks or None) of each argument; of a `dynamic` block what it stands for."""
    for name, value in body.items():
        if name == "dynamic":
            for dynamic in value:
                yield from ((label.strip('"'), content["content"]) for label, content in dynamic.items() if label.startswith('"'))
        elif not name.startswith("__"):
            blocks = value if isinstance(value, list) and all(isinstance(it, dict) and "__is_block__" in it for it in value) else None
            yield name, blocks or None


def references(file):
    """(type, attribute) of each resource or data source that an expression reads."""
    text = re.sub(r"^\s*#.*$", "", file.read_text(), flags=re.M)
    found = re.findall(r"\b(data\.)?(aws_\w+)\.\w+(?:\[[^\]]*\])?\.(\w+)", text)
    return {("data " * bool(data) + kind, attribute) for data, kind, attribute in found}


# The one against the other


def faults(schema, struct, body):
    taken = schema.structs[struct]
    names = dict(given(body))
    yield from (f"needs `{name}`" for name, argument in taken.items() if argument.required and name not in names)
    for name, blocks in names.items():
        if name in META_ARGUMENTS and name not in taken:
            continue
        if name not in taken:
            yield f"has no `{name}`"
        elif taken[name].is_block != bool(blocks):
            yield f"`{name}` is {'a block' if taken[name].is_block else 'no block'}"
        else:
            for block in blocks or []:
                yield from (f"{name}: {fault}" for fault in faults(schema, taken[name].struct, block))


def stack_faults(bindings, stack):
    for file, kind, name, body in configuration(stack):
        schema = bindings.schemas.get(kind)
        found = faults(schema, schema.main, body) if schema else ["does not exist"]
        yield from (f"{file}: {kind} {name}: {fault}" for fault in found)
    for file in sorted(stack.glob("*.tf")):
        for kind, attribute in sorted(references(file)):
            schema = bindings.schemas.get(kind)
            if schema and attribute not in schema.attributes:
                yield f"{file}: {kind} has no attribute `{attribute}`"


def floor(stack):
    """The provider version of `required_providers`, such as (5, 32)."""
    for file in stack.glob("*.tf"):
        found = re.search(r'source\s*=\s*"hashicorp/aws"\s*version\s*=\s*">= ([0-9.]+)"', file.read_text())
        if found:
            return tuple(int(part) for part in found[1].split("."))
    sys.exit(f"{stack} requires no version of hashicorp/aws")


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    wheels, stacks = sorted(Path(sys.argv[1]).glob("*.whl")), {Path(it): floor(Path(it)) for it in sys.argv[2:]}
    types = sorted({kind for stack in stacks for _, kind, _, _ in configuration(stack)})
    faults_in_all, tried = 0, set()
    for bindings in (Bindings(wheel, types) for wheel in wheels):
        fitting = [stack for stack, oldest in stacks.items() if oldest <= bindings.version]
        found = [fault for stack in fitting for fault in stack_faults(bindings, stack)]
        blocks = sum(len(list(configuration(stack))) for stack in fitting)
        print("\n".join([*found, f"AWS provider {dotted(bindings.version)}: {blocks} blocks of {len(fitting)} stacks, {len(found)} faults"]))
        faults_in_all += len(found)
        tried.add(bindings.version[:2])
    untried = [f"{stack}: no wheel is of its floor, {dotted(oldest)}" for stack, oldest in stacks.items() if oldest not in tried]
    print(*untried, sep="\n", end="\n" * bool(untried))
    sys.exit(1 if faults_in_all or untried else 0)


def dotted(version):
    return ".".join(str(part) for part in version)


if __name__ == "__main__":
    main()
