"""The magics in a real kernel: what they show, what they bind, what they say about mistakes."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.kernel import Kernel, kernel

FRAME = """
import pandas as pd
headline = "Acme beats estimates"
role = "You are terse."
person = {"type": "object", "properties": {"name": {"type": "string"}},
          "required": ["name"], "additionalProperties": False}
headlines = pd.DataFrame({
    "headline": ["profit rises", "profit falls", "profit doubles", "profit halves"],
    "label": ["positive", "negative"] * 2, "day": [1, 1, 2, 2],
    "date": pd.to_datetime(["2020-01-01", "2021-01-01", "2026-01-01", "2026-02-01"])})
def short(text, target):
    return float(len(text) < 1000)
def quote(ticker: str) -> float:
    "The price of a share."
offered = [quote, {"name": "news", "description": "Headlines about profit."}]
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    """One kernel with llmlab loaded and a few names bound."""
    folder = tmp_path_factory.mktemp("magics")
    (folder / "prompts").mkdir()
    (folder / "prompts" / "mood.md").write_text("What is the mood? {{ headline }}\n")
    (folder / "person.json").write_text('{"type": "object", "properties": {}, "required": [],'
                                        ' "additionalProperties": false}')  # fmt: skip
    with kernel(folder) as running:
        assert running.run("%load_ext llmlab").status == "ok"
        assert running.run(FRAME).status == "ok"
        yield running


def test_load_ext_shows_the_line_up_and_who_has_a_key(lab: Kernel) -> None:
    """`%load_ext llmlab` says which six models there are and who answers for each."""
    said = lab.run("%reload_ext llmlab")

    assert said.status == "ok"
    assert "line-up six is gpt, claude, deepseek, deepseek-think, grok, qwen" in said.text
    assert "stand-in: openai, anthropic, deepseek, xai" in said.text


def test_llm_streams_words_then_one_quiet_line(lab: Kernel) -> None:
    """`%%llm` redraws one output while words come, then says tokens, cost and time once."""
    said = lab.run("%%llm claude -o note\nSummarise: {{ headline }}")

    words, figures = said.shown[:-1], said.shown[-1]
    assert said.status == "ok"
    assert words[-1]["text/markdown"] == ast.literal_eval(lab.value("note.text"))
    assert "Acme beats estimates" in words[-1]["text/plain"]
    assert re.search(r"\d+ in, \d+ out .* stand-in: not this model", figures["text/plain"])


def test_an_answer_as_a_last_line_shows_its_words_and_figures(lab: Kernel) -> None:
    """What `lab.ask` returns reads as an answer in a cell, not as a record of thirty fields."""
    said = lab.run("import llmlab\nllmlab.ask('Is 5 $ more than 4 $?', 'claude')")

    shown = said.shown[-1]
    assert said.status == "ok"
    assert re.search(r"\d+ in, \d+ out .* stand-in: not this model", shown["text/markdown"])
    assert "Answer(" not in shown["text/plain"]


LLM_OPTIONS = {
    "-o": ("-o it", "it.requested", "'anthropic/claude-haiku-4-5'"),
    "--out": ("--out it", "type(it).__name__", "'Answer'"),
    "--system": ("--system role -o it", "it.usage.input >= 8", "True"),
    "-s": ("-s role -o it", "it.usage.input >= 8", "True"),
    "--schema": ("--schema person -o it", "sorted(it.parsed)", "['name']"),
    "--schema FILE": ("--schema person.json -o it", "it.parsed", "{}"),
    "--max-tokens": ("--max-tokens 77 -o it", "it.sent['max_tokens']", "77"),
    "-m": ("-m 78 -o it", "it.sent['max_tokens']", "78"),
    "--temperature": ("--temperature 0.5 -o it", "it.sent['temperature']", "0.5"),
    "-t": ("-t 0.25 -o it", "it.sent['temperature']", "0.25"),
    "--no-stream": ("--no-stream -o it", "it.ttft is None", "True"),
    "--cache": ("--cache -o it", "type(it).__name__", "'Answer'"),
}


@pytest.mark.parametrize("option", LLM_OPTIONS)
def test_every_option_of_llm_reaches_the_model(lab: Kernel, option: str) -> None:
    """Each option of `%%llm` does what its help says."""
    line, expression, expected = LLM_OPTIONS[option]

    said = lab.run(f"%%llm claude {line}\nWho is {{{{ headline }}}}?")

    assert said.errors == []
    assert lab.value(expression) == expected


def test_a_seed_is_sent_where_the_model_takes_one(lab: Kernel) -> None:
    """`--seed` goes to a model with seeds, and a model without says so in one line."""
    taken = lab.run("%%llm qwen --seed 7 -o it\nhello")
    refused = lab.run("%%llm claude --seed 7\nhello")

    assert taken.errors == []
    assert "7" in lab.value("str(it.sent)")
    assert refused.errors
    assert "seed" in refused.errors[0]


ABTEST_OPTIONS = {
    "--on": ("--on headlines", "it.rows.input_id.nunique()", "4"),
    "--score NAME": ("--on headlines --score label --target label", "it.score_name", "'label'"),
    "--score FUNCTION": ("--on headlines --score short", "it.rows.score.min()", "1.0"),
    "--target": ("--on headlines --score exact --target label", "it.rows.score.notna().all()",
                 "True"),
    "--cluster": ("--on headlines --score label --target label --cluster day", "len(it)", "8"),
    "--repeats": ("--on headlines --repeats 2", "it.rows.repeat.max()", "1"),
    "--budget": ("--on headlines --budget 0.5", "it.rows.status.unique().tolist()", "['ok']"),
    "--max-tokens": ("--on headlines --max-tokens 99", "len(it)", "8"),
    "--temperature": ("--on headlines --temperature 0.3", "len(it)", "8"),
    "--cache": ("--on headlines --cache", "it.tested['settings']['cache']", "'True'"),
    "--stream": ("--on headlines --stream", "it.rows.ttft_s.notna().all()", "True"),
    "--as-of": ("--on headlines --as-of date", "len(it.by_cutoff) > 0", "True"),
    "--horizon": (
        "--on headlines --score label --target label --cluster date --horizon 2", "it.horizon", "2"
    ),
    "--against": (
        "--on headlines --score label --target label --against gpt", "it.against", "'gpt'"
    ),
    "--stop-when-clear": (
        "--on headlines --score label --target label --stop-when-clear", "len(it) <= 8", "True"
    ),
    "--aa": ("--on headlines --score label --target label --aa", "len(it.noise)", "2"),
    "--batch": ("--on headlines --batch", "len(it)", "8"),
    "--name": ("--on headlines --name mine", "it.name", "'mine'"),
    "--out": ("--on headlines --out it", "type(it).__name__", "'Comparison'"),
}  # fmt: skip


@pytest.mark.parametrize("option", ABTEST_OPTIONS)
def test_every_option_of_abtest_reaches_the_run(lab: Kernel, option: str) -> None:
    """Each option of `%%abtest` does what its help says."""
    line, expression, expected = ABTEST_OPTIONS[option]

    said = lab.run(
        f"%%abtest gpt claude {line} -o it\n--- a\nLabel for {option}: {{{{ headline }}}}"
    )

    assert said.errors == []
    assert lab.value(expression).removeprefix("np.int64(").rstrip(")").removeprefix(
        "np.float64("
    ).removeprefix("np.True_") in {expected, ""}


SOME_MODELS = {
    "--logprobs": ("gpt qwen", "--logprobs 3", "it.rows.logprobs.notna().all()"),
    "--score label_p": (
        "gpt qwen", "--logprobs 5 --score label_p --target label", "it.score_name == 'label_p'"
    ),
    "--tools": (
        "gpt claude", "--tools quote,offered --tool-choice news", "named twice"
    ),
    "--tools NAMES": (
        "gpt claude", "--tools offered --tool-choice quote",
        "it.rows.tool_calls.str.contains('quote').all()",
    ),
    "--top-k": ("claude qwen", "--top-k 5", "it.tested['settings']['top_k'] == '5'"),
    "--presence-penalty": (
        "gpt qwen", "--presence-penalty 0.5 --frequency-penalty -0.5",
        "it.tested['settings']['frequency_penalty'] == '-0.5'",
    ),
    "--verbosity": ("gpt", "--verbosity low", "it.tested['settings']['verbosity'] == 'low'"),
}  # fmt: skip


@pytest.mark.parametrize("option", SOME_MODELS)
def test_what_some_models_take_reaches_them(lab: Kernel, option: str) -> None:
    """Tools, log-probabilities and sampling, by models that have them."""
    models, line, expression = SOME_MODELS[option]

    said = lab.run(
        f"%%abtest {models} --on headlines {line} -o it\n--- {option.strip('-')}\n"
        "Positive, negative or neutral? {{ headline }}"
    )

    if expression == "named twice":
        assert "two are called 'quote'" in said.errors[0]
        return
    assert said.errors == []
    assert "True" in lab.value(expression)


def test_llm_shows_the_call_of_a_tool(lab: Kernel) -> None:
    """Name and arguments stand in the quiet line; an unknown name gets a suggestion."""
    said = lab.run("%%llm claude --tools quote --tool-choice quote -o it\nPrice of ACME?")
    weighed = lab.run("%%llm gpt --logprobs 2 -o it\nUp or down? {{ headline }}")
    unknown = lab.run("%%llm claude --tools qoute\nPrice of ACME?")

    assert 'calls quote({"ticker"' in said.shown[-1]["text/plain"]
    assert weighed.errors == []
    assert lab.value("len(it.logprobs[0].top)") == "2"
    assert "did you mean quote?" in unknown.errors[0]


def test_abtest_takes_seeds_where_models_do(lab: Kernel) -> None:
    """`--seed` of `%%abtest` is for models that take one; another refuses before sending."""
    taken = lab.run("%%abtest qwen llama --on headlines --seed 3 -o it\n{{ headline }}?")
    refused = lab.run("%%abtest claude --on headlines --seed 3\n{{ headline }}?")

    assert taken.errors == []
    assert "seed" in refused.errors[0]


def test_prompts_come_from_the_folder_by_name(lab: Kernel) -> None:
    """`--prompts mood` uses prompts/mood.md; with prompts in the cell as well it is refused."""
    said = lab.run("%abtest gpt --on headlines --prompts mood -o it")
    both = lab.run("%%abtest gpt --on headlines --prompts mood\n--- a\n{{ headline }}")

    assert said.errors == []
    assert lab.value("it.rows.prompt.unique().tolist()") == "['mood']"
    assert "use one of the two" in both.errors[0]


def test_quiet_shows_nothing_at_all(lab: Kernel) -> None:
    """`-q` neither plans nor shows, it only binds."""
    said = lab.run("%%abtest gpt --on headlines -q -o it\n--- q\n{{ headline }}!")

    assert said.plain.strip() == ""
    assert lab.value("len(it)") == "4"


def test_models_may_be_a_list_of_the_notebook(lab: Kernel) -> None:
    """A variable that holds names stands for them."""
    lab.run("mine = ['gpt', 'grok']")

    said = lab.run("%%abtest mine --on headlines -o it\n--- a\n{{ headline }} by list")

    assert said.errors == []
    assert lab.value("sorted(it.rows.label.unique())") == "['gpt', 'grok']"


def test_the_same_cell_again_sends_nothing(lab: Kernel) -> None:
    """A cell run again is answered by the book."""
    cell = "%%abtest gpt claude --on headlines -o it\n--- again\nOnce: {{ headline }}"
    lab.run(cell)

    said = lab.run(cell)

    assert "8 are in the book, 0 to send" in said.plain.replace(",", ",")
    assert lab.value("bool(it.rows.from_book.all())") == "True"


MISTAKES = {
    "unknown option": ("%%llm claude --scheme x\nhi", "did you mean --schema?"),
    "unknown option of abtest": ("%%abtest six --clutser day\nhi", "did you mean --cluster?"),
    "no name": ("%%llm gpt -o 2run\nhi", "-o 2run: not a name of Python"),
    "one word too many": ("%%llm claude grok\nhi", "one word too many"),
    "no number": ("%%abtest gpt --repeats two\nhi", "invalid int value"),
    "no closing quote": ("%%llm 'claude\nhi", "no closing quotation"),
    "unknown model": ("%%llm cluade\nhi", "did you mean claude"),
    "unknown slot": ("%%llm claude\n{{ headlin }}", "did you mean {{ headline }}?"),
    "unknown frame": ("%%abtest gpt --on headline_s\n{{ headline }}", "did you mean headlines?"),
    "not a frame": ("%%abtest gpt --on role\n{{ headline }}", "must be a DataFrame, not a str"),
    "empty frame": ("%%abtest gpt --on empty\n{{ headline }}", "the frame of inputs is empty"),
    "unknown column": (
        "%%abtest gpt --on headlines --score label --target lable\n{{ headline }}",
        "did you mean label?",
    ),
    "unknown score": (
        "%%abtest gpt --on headlines --score lable --target label\n{{ headline }}",
        "did you mean",
    ),
    "unknown prompt": ("%abtest gpt --on headlines --prompts moot", "mood"),
    "no prompt": ("%abtest gpt --on headlines", "no prompt was given"),
    "words before a prompt": ("%%abtest gpt\nwords\n--- a\nhi", "belong to no prompt"),
    "no repeats": (
        "%%abtest gpt --repeats 0\nhi",
        "repeats is 0; it must be a whole number from 1",
    ),
    "schema of no kind": ("%%llm gpt --schema role\nhi", "must be a dict, not a str"),
    "schema file that is not there": (
        "%%llm gpt --schema no.json\nhi",
        "no.json: cannot read the --schema",
    ),
    "in the background": ("%%abtest gpt --on headlines --background\n{{ x }}", "no value for"),
    "no models in a list": ("%%abtest nothing --on headlines\n{{ headline }}", "names no model"),
    "an empty parameter": ("%%abtest {nothing} --on headlines\n{{ headline }}", "is empty"),
    "a blank name": ("%%abtest {blank} --on headlines\n{{ headline }}", "no model was named"),
    "a blank model of llm": ("%%llm {blank}\nhi", "no model was named"),
    "an empty model of llm": ("%%llm {nothing}\nhi", "is empty"),
    "blank prompts": ("%abtest gpt --on headlines --prompts ,", "no prompt was named"),
    "unknown word of lab": ("%lab modles", "did you mean models?"),
    "nothing to count": ("%lab count", "give the words"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_cell_is_one_line_with_its_fix(lab: Kernel, mistake: str) -> None:
    """Bad input is one line that says what to do, and never a traceback."""
    cell, fix = MISTAKES[mistake]
    lab.run("empty, nothing, blank = headlines[:0], [], ''")

    said = lab.run(cell)

    assert said.status == "error"
    assert fix in said.errors[0]
    assert said.text.strip() == said.errors[0]
    assert "Traceback" not in said.text + "".join(said.traceback)


def test_a_variable_in_the_line_may_be_of_any_kind(lab: Kernel) -> None:
    """NumPy's whole floats, Decimals and arrays of names reach the options as what they are."""
    lab.run(
        "import numpy as np\nfrom decimal import Decimal\n"
        "room, heat = np.linspace(10, 20, 2)[1], np.float32(0.5)\n"
        "twice, dollars, who = np.int64(2), Decimal('0.5'), np.array(['gpt'])"
    )

    said = lab.run(
        "%%abtest {who} --on headlines --repeats {twice} --budget {dollars} --max-tokens {room} "
        "--temperature {heat} -o kinds\n{{ headline }}"
    )

    assert said.status == "ok", said.errors
    assert lab.value("len(kinds.rows) == 2 * len(headlines)").strip("'") == "True"
    assert lab.run("%%llm gpt --max-tokens {room} --seed {twice}\nhi").status == "ok"


LAB_WORDS = {
    "": "Line-up six",
    "models": "anthropic/claude-haiku-4-5",
    "spend": "claude-haiku-4-5",
    "runs": "mine",
    "health": "stand-in",
    "count How many are these? --model claude": "claude",
    "count -m gpt headline": "gpt",
    "config": "environment",
}


@pytest.mark.parametrize("words", LAB_WORDS)
def test_lab_tells_how_things_stand(lab: Kernel, words: str) -> None:
    """`%lab` and each of its words show a table, as HTML and as text."""
    lab.run("%%abtest gpt claude --on headlines --name mine -q\n--- a\n{{ headline }} for lab")

    said = lab.run(f"%lab {words}")

    assert said.errors == []
    assert LAB_WORDS[words] in said.shown[0]["text/plain"]
    assert "<table" in said.shown[0]["text/html"]


COMPLETIONS = {
    "%%llm cla": "claude",
    "%%abtest si": "six",
    "%%llm --sch": "--schema",
    "%%abtest six --on head": "headlines",
    "%%abtest six --on headlines --target la": "label",
    "%%abtest six --score dir": "direction",
    "%%abtest six --score sho": "short",
    "%%abtest six --prompts mo": "mood",
    "%%abtest six --name mi": "mine",
    "%%llm claude --system ro": "role",
    "%%llm claude --schema per": "person",
    "%lab mo": "models",
    "%%abtest gpt,cla": "claude",
    "%%abtest six --on headlines --target=la": "label",
    "%%abtest six --prompts=mo": "mood",
    "%%abtest gpt ollama/qwen3:": "ollama/qwen3:8b",
    "%lab count --model cla": "claude",
}


@pytest.mark.parametrize("typed", COMPLETIONS)
def test_tab_completes_what_belongs_there(lab: Kernel, typed: str) -> None:
    """Options, models, prompts, runs, frames and columns complete where each belongs."""
    lab.run("%%abtest gpt claude --on headlines --name mine -q\n--- a\n{{ headline }} for lab")

    assert COMPLETIONS[typed] in lab.complete(typed)


ALONE = {
    "%%abtest six --on headl": ["headlines"],
    "%%abtest six --on headlines --target=": ["headline", "label", "day", "date"],
    "%%abtest six --on headlines --missing ": ["skip", "send"],
    "%%abtest six --on headlines\n--- a\nMood? {{ head": ["headline", "headlines"],
    "%%abtest six --on headlines\n--- a\nMood? {{ headline }} {{ da": ["day", "date"],
    "%%llm claude\nSay it: {{ ro": ["role"],
    "%lab ": ["models", "spend", "runs", "health", "count", "config", "trust"],
    "%lab count ro": ["role"],
}


@pytest.mark.parametrize("typed", ALONE)
def test_tab_offers_that_and_nothing_else(lab: Kernel, typed: str) -> None:
    """No Python name, no file and no other magic stands between."""
    assert lab.complete(typed) == ALONE[typed]


def test_tab_offers_the_options_of_the_magic_alone(lab: Kernel) -> None:
    """All of them, long forms only after two dashes; what the line has already is left out."""
    offered = lab.complete("%%abtest six --on headlines --")

    assert {"--score", "--target", "--cluster", "--budget", "--batch"} < set(offered)
    assert all(each.startswith("--") for each in offered)
    assert "--on" not in offered
    assert len(offered) < 40


def test_tab_offers_models_after_a_comma_without_those_that_stand_there(lab: Kernel) -> None:
    """`gpt,` is the beginning of a list of models."""
    offered = lab.complete("%%abtest gpt,")

    assert {"six", "claude", "openai/gpt-6-luna"} < set(offered)
    assert "gpt" not in offered
    assert not {"headlines", "print"} & set(offered)


def test_tab_in_python_is_left_alone(lab: Kernel) -> None:
    """A cell without a magic of llmlab is completed as ever, and so is one after a reload."""
    lab.run("%reload_ext llmlab")

    assert "headlines" in lab.complete("headli")
    assert lab.complete("%%abtest six --on headl") == ["headlines"]
    assert lab.complete("%lab budget ") != ALONE["%lab "]


@pytest.mark.parametrize("magic", ["%%llm", "%%abtest", "%lab"])
def test_help_shows_examples_that_run(lab: Kernel, magic: str) -> None:
    """`?` explains every option, and its examples run as they stand."""
    told = lab.help(magic)

    examples = told.partition("Examples::")[2].partition("positional arguments")[0]
    cells = re.split(r"\n(?=%)", "\n".join(line.strip() for line in examples.splitlines()))
    runs = [cell for cell in cells if cell.startswith(magic)]
    assert len(runs) >= 2
    for cell in runs:
        assert lab.run(cell.strip()).errors == [], cell


@pytest.mark.parametrize(
    "cell",
    ["%%llm --help", "%%llm -h\nHello", "%%abtest --help", "%abtest --help", "%%abtest six -h\n\n",
     "%%abtest six --help\n--- a\nHello", "%lab --help"],
)  # fmt: skip
def test_help_may_be_asked_for_as_anywhere(lab: Kernel, cell: str) -> None:
    """`--help` and `-h` print what `?` shows, with a body or without; nothing is sent."""
    said = lab.run(cell)

    assert (said.status, said.errors) == ("ok", [])
    assert "Examples::" in said.text
    assert said.text.strip() in lab.help(cell.split(maxsplit=1)[0])
    assert said.shown == []


def test_config_lists_what_can_be_set(lab: Kernel) -> None:
    """`%config LLMLab` shows the settings, and a line-up set there is used."""
    shown = lab.run("%config LLMLab")
    lab.run("%config LLMLab.models = 'grok'")
    lab.run("%%llm -o it\nhello there")
    lab.run("%config LLMLab.models = ''")

    assert "LLMLab.nest_asyncio" in shown.plain
    assert lab.value("it.requested") == "'xai/grok-4.3'"


def test_anothers_magic_of_the_same_name_is_said(lab: Kernel) -> None:
    """Taking over somebody's `%%llm` is said, not done in silence."""
    lab.run(
        "from IPython.core.magic import register_cell_magic\n"
        "@register_cell_magic\ndef llm(line, cell): pass"
    )

    said = lab.run("%reload_ext llmlab")

    assert "%%llm was __main__'s and is llmlab's from here on" in said.text
