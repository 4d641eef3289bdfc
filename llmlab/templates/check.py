"""Every fault of a template file at once: front matter, Jinja, slots, blocks, schema, words."""

from llmlab.templates.fault import TemplateFault
from llmlab.templates.lines import Lined, read_lines
from llmlab.templates.reads import reads_of
from llmlab.templates.rules import CHECKS, Looked
from llmlab.templates.source import TOO_DEEP, TemplateSource, split
from llmlab.templates.turns import turn_faults


def check(text: str, *, file: str, stem: str) -> tuple[TemplateFault, ...]:
    """
    Return every fault of a template, in the order of its lines.

    Args:
        text: The whole file.
        file: The file's name in the faults.
        stem: The template's name in the library, which its `name` must be.
    """
    source = split(text)
    lined, broken = _front(source, file)
    slots, jinja = _slots(source, file)
    faults = [*broken, *jinja]
    for where, line in lined.twice:
        what = f"`{'.'.join(where)}` is given twice"
        faults.append(TemplateFault(file=file, line=line, what=what, fix="keep one"))
    looked = Looked(file=file, source=source, lined=lined, slots=slots)
    checks = () if broken else CHECKS
    for each in checks:
        for where, what, fix in each(looked):
            faults.append(TemplateFault(file=file, line=lined.line(*where), what=what, fix=fix))
    name = lined.data.get("name")
    if isinstance(name, str) and name != stem:
        fix = f"write `name: {stem}` or rename the file to {name}.md"
        what = f"the file is called {stem}.md, the template {name!r}"
        faults.append(TemplateFault(file=file, line=lined.line("name"), what=what, fix=fix))
    return tuple(sorted(faults, key=lambda fault: fault.line))


def _front(source: TemplateSource, file: str) -> tuple[Lined, list[TemplateFault]]:
    import yaml

    if source.front is None:
        fix = "begin it with `---`, the entries, `---`; docs/prompts.md lists them"
        return Lined(data={}), [
            TemplateFault(file=file, line=1, what="there is no front matter", fix=fix)
        ]
    try:
        return read_lines(source.front, 2), []
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 2 if error.problem_mark else 1
        what = f"front matter is not YAML: {error.problem}"
        fault = TemplateFault(
            file=file, line=line, what=what, fix="quote text that has `: ` or `{` in it"
        )
    except (yaml.YAMLError, ValueError) as error:
        what = " ".join(str(error).split())
        fault = TemplateFault(file=file, line=2, what=what, fix="write one entry a line")
    return Lined(data={}), [fault]


def _slots(source: TemplateSource, file: str) -> tuple[frozenset[str], list[TemplateFault]]:
    """Return the names that the words use; a part that is not valid Jinja is a fault."""
    import jinja2

    names: set[str] = set()
    faults = []
    if not source.part("user").strip():
        what, fix = "there is no prompt", "write the words after a line `[user]`"
        faults.append(TemplateFault(file=file, line=source.body_line, what=what, fix=fix))
    for line, what, fix in turn_faults(source):
        faults.append(TemplateFault(file=file, line=line, what=what, fix=fix))
    for piece in source.pieces:
        try:
            names |= reads_of(piece.words).names
        except jinja2.TemplateSyntaxError as error:
            line = piece.line + error.lineno - 1
            fix = "close every {{ and {% and write literal braces as {{ '{{' }}"
            faults.append(TemplateFault(file=file, line=line, what=str(error.message), fix=fix))
        except RecursionError:
            what, _, fix = TOO_DEEP.partition("; ")
            faults.append(TemplateFault(file=file, line=piece.line, what=what, fix=fix))
    return frozenset(names), faults
