"""What a run compared, as sections of a page: prompts, settings, answers beside each other."""

from html import escape

from llmlab.views.comparison import ComparisonView
from llmlab.views.html import markup
from llmlab.views.tested import PromptWords, Sample, facts, samples
from llmlab.views.text import form

CSS = """
.llmlab pre.ll-prompt{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--ll-faint);
padding:8px 11px;margin:4px 0 10px;border-radius:4px;font-size:12.5px}
.llmlab h3{font-size:14px;margin:12px 0 2px}
.llmlab .ll-words{white-space:pre-wrap;overflow-wrap:anywhere}
"""

NO_WORDS = "The words of the prompts are not in this report."


def tested_html(shown: ComparisonView) -> str:
    """Return when and how it was asked, and the words of each prompt."""
    heads = [("what", ""), ("value", "w")]
    rows = [[markup.cell(name), markup.cell(text, "w")] for name, text in facts(shown)]
    prompts = () if shown.tested is None else shown.tested.prompts
    words = "".join(map(_prompt, prompts)) or markup.line(NO_WORDS, "ll-quiet")
    return f"<style>{CSS}</style>" + markup.block(markup.table(heads, rows), words)


def samples_html(shown: ComparisonView) -> str:
    """Return some inputs with what each arm said; nothing where none are to be shown."""
    listed = samples(shown)
    if not listed:
        return ""
    agreed = "The arms agree about every input." if not any(s.disagree for s in listed) else ""
    return markup.block(markup.line(agreed, "ll-quiet"), *map(_sample, listed))


def _prompt(prompt: PromptWords) -> str:
    shown = "".join(
        markup.line(name, "ll-quiet") + f'<pre class="ll-prompt">{escape(text)}</pre>'
        for name, text in prompt.parts
    )
    version = f" <small>version {escape(prompt.version)}</small>" if prompt.version else ""
    return f"<h3>{escape(prompt.name)}{version}</h3>{shown}"


def _sample(sample: Sample) -> str:
    target = f" \u00b7 should be: {sample.target}" if sample.target else ""
    head = f"<h3>{escape(f'input {sample.name}{target}')}</h3>"
    words = f'<div class="ll-words">{escape(sample.words)}</div>' if sample.words else ""
    heads = [("Model \u00b7 prompt", ""), ("answer", "w"), ("score", "r")]
    rows = [
        [
            markup.cell(each.arm),
            markup.raw_cell(f'<span class="ll-words">{escape(each.text)}</span>', "w"),
            markup.cell("" if each.score is None else form.score(each.score), "r"),
        ]
        for each in sample.replies
    ]
    return f'<div class="ll-sample">{head}{words}{markup.table(heads, rows)}</div>'
