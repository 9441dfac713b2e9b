#!/usr/bin/env python3
"""Keeps the tables of inputs and outputs in the READMEs of module and submodules as their .tf files say.

Usage: readme_tables.py                   fails when a README is stale
       readme_tables.py --write           brings them up to date
       readme_tables.py --module FOLDER   fails when one is stale in another copy of the module
"""

import json
import pathlib
import re
import sys

MODULE = pathlib.Path(__file__).parents[2] / "terraform"


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


def configuration(module):
    return "\n".join(path.read_text() for path in sorted(module.glob("*.tf")))


def inputs(module):
    yield "| Name | Description | Type | Default |"
    yield "|---|---|---|---|"
    for name, body in blocks("variable", configuration(module)):
        default = attribute("default", body)
        kind = one_line(attribute("type", body))
        yield f"| `{name}` | {description(body)} | `{cell(kind)}` | {f'`{cell(default)}`' if default else 'required'} |"


def outputs(module):
    yield "| Name | Description |"
    yield "|---|---|"
    for name, body in blocks("output", configuration(module)):
        yield f"| `{name}` | {description(body)} |"


def with_table(readme, text, name, rows):
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
    if begin not in text or end not in text:
        sys.exit(f"{readme}: the marks `{begin.strip()}` and `{end}` are missing")
    before, rest = text.split(begin, 1)
    return before + begin + "\n".join(rows) + "\n" + end + rest.split(end, 1)[1]


def main():
    match sys.argv[1:]:
        case [] | ["--write"]:
            root = MODULE
        case ["--module", folder]:
            root = pathlib.Path(folder)
        case _:
            sys.exit(__doc__)
    for module in [root, *sorted(path.parent for path in root.glob("modules/*/README.md"))]:
        readme = module / "README.md"
        text = readme.read_text()
        fresh = with_table(readme, text, "inputs", inputs(module))
        fresh = with_table(readme, fresh, "outputs", outputs(module))
        if sys.argv[1:] == ["--write"]:
            readme.write_text(fresh)
        elif fresh != text:
            sys.exit(f"{readme} is stale: run tests/deployment/readme_tables.py --write")


if __name__ == "__main__":
    main()
