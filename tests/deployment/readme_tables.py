#!/usr/bin/env python3
"""Keeps the tables of inputs and outputs in terraform/README.md as the .tf files say.

Usage: readme_tables.py           fails when the README is stale
       readme_tables.py --write   brings it up to date
"""

import json
import pathlib
import re
import sys

MODULE = pathlib.Path(__file__).parents[2] / "terraform"
README = MODULE / "README.md"


def blocks(kind, text):
    """(name, body) of each `kind "name" { ... }` at the left margin, as `terraform fmt` writes it."""
    return re.findall(rf'^{kind} "(\w+)" {{\n(.*?)^}}', text, re.M | re.S)


def attribute(name, body):
    """The expression of an attribute: the rest of its line, and what follows up to the closing bracket."""
    found = re.search(rf"^  {name} *= *(.*\n(?:(?:    .*|  [\])}}].*)\n)*)", body, re.M)
    return " ".join(found[1].split()) if found else None


def cell(text):
    return text.replace("|", "\\|")


def description(body):
    return cell(json.loads(attribute("description", body)))


def one_line(expression):
    """object({ a = b c = d }) with the commas that its lines made unnecessary."""
    return re.sub(r"([^{,]) (\w+ =)", r"\1, \2", expression)


def inputs():
    yield "| Name | Description | Type | Default |"
    yield "|---|---|---|---|"
    for name, body in blocks("variable", (MODULE / "variables.tf").read_text()):
        default = attribute("default", body)
        kind = one_line(attribute("type", body))
        yield f"| `{name}` | {description(body)} | `{cell(kind)}` | {f'`{cell(default)}`' if default else 'required'} |"


def outputs():
    yield "| Name | Description |"
    yield "|---|---|"
    for name, body in blocks("output", (MODULE / "outputs.tf").read_text()):
        yield f"| `{name}` | {description(body)} |"


def with_table(text, name, rows):
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
    if begin not in text or end not in text:
        sys.exit(f"{README.name}: the marks `{begin.strip()}` and `{end}` are missing")
    before, rest = text.split(begin, 1)
    return before + begin + "\n".join(rows) + "\n" + end + rest.split(end, 1)[1]


def main():
    text = README.read_text()
    fresh = with_table(with_table(text, "inputs", inputs()), "outputs", outputs())
    if sys.argv[1:] == ["--write"]:
        README.write_text(fresh)
    elif sys.argv[1:]:
        sys.exit(__doc__)
    elif fresh != text:
        sys.exit("terraform/README.md is stale: run tests/deployment/readme_tables.py --write")


if __name__ == "__main__":
    main()
